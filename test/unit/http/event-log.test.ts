import pino from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BrokerEvent } from "../../../core/ports/events.ts";
import { createEventLog } from "../../../functions/runtime/event-log.ts";

const death = (group: string, offset: number): BrokerEvent => ({
  kind: "deadLettered",
  group,
  topic: "orders",
  queueId: 1,
  offset,
  messageId: `m${offset}`,
  attempts: 17,
  reason: "not acknowledged in 17 attempts",
});

const setUp = () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { lines, events: createEventLog(log) };
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the log of events", () => {
  it("has a line for each, with what an operator looks for", () => {
    const { lines, events } = setUp();
    events.happened(death("billing", 42));
    expect(lines).toEqual([
      {
        level: 40,
        event: "deadLettered",
        group: "billing",
        topic: "orders",
        queueId: 1,
        offset: 42,
        messageId: "m42",
        attempts: 17,
        reason: "not acknowledged in 17 attempts",
        msg: "a message was dead-lettered",
      },
    ]);
  });

  it("tells by the level what went wrong", () => {
    const { lines, events } = setUp();
    const job = { kind: "redriveEnded", group: "billing", jobId: "j", moved: 1, unreadable: 0 } as const;
    events.happened({ ...job, state: "DONE", reason: undefined });
    events.happened({ ...job, state: "FAILED", reason: "its target is gone" });
    events.happened({ kind: "messagePutAside", group: "billing", topic: "t", queueId: 0, offset: 1, reason: "x".repeat(5_000) });
    expect(lines.map(({ level }) => level)).toEqual([30, 40, 50]);
    expect(lines[2]?.reason).toHaveLength(256);
  });

  it("counts a burst rather than writing it out, and says so within a minute", () => {
    const { lines, events } = setUp();
    for (let offset = 0; offset < 100_000; offset++) events.happened(death(offset % 10 === 0 ? "mail" : "billing", offset));
    expect(lines).toHaveLength(30);
    events.happened({ kind: "timerParked", topic: "gone", id: "t", deliverAtMs: 0, reason: "its topic was deleted" });
    expect(lines).toHaveLength(31);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(31)).toEqual([
      {
        level: 40,
        event: "deadLettered",
        count: 99_970,
        by: { mail: 9_997, billing: 89_973 },
        msg: "there were more of these than were logged",
      },
    ]);
    events.happened(death("billing", 100_000));
    expect(lines.at(-1)).toMatchObject({ offset: 100_000 });
  });

  it("names so many groups and no more", () => {
    const { lines, events } = setUp();
    for (let index = 0; index < 30; index++) events.happened(death("billing", index));
    for (let index = 0; index < 1_000; index++) events.happened(death(`g${index}`, index));
    events.flush();
    const { by, count } = lines.at(-1) as { by: Record<string, number>; count: number };
    expect(count).toBe(1_000);
    expect(Object.keys(by)).toHaveLength(21);
    expect(by["all others"]).toBe(980);
    events.flush();
    expect(lines).toHaveLength(31);
  });
});
