import type { LookupAddress } from "node:dns";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WEBHOOK_DEADLINE_MS, WEBHOOKS_IN_FLIGHT_MAX } from "../../../core/ports/webhooks.ts";
import { startEndpoint, startRawEndpoint } from "./endpoint.ts";
import { LOOPBACK, loopbackWebhooks, post, requestTo } from "./posting.ts";
import { targetsOf } from "./targets.ts";

const DEADLINE_MS = 250;
const DRIP_MS = 20;

/** Sends `text` a byte at a time, for ever if it ends before the connection does. */
const dripping = (first: string, text: string) => (socket: Socket) => {
  let sent = 0;
  socket.write(first);
  const timer = setInterval(() => socket.write(text.charAt(sent++ % text.length)), DRIP_MS);
  socket.once("close", () => clearInterval(timer));
};

const SLOW: readonly (readonly [string, (socket: Socket) => unknown])[] = [
  ["an endpoint that takes the request and says nothing", (socket) => socket.resume()],
  ["a head that drips", dripping("HTTP/1.1 200 OK\r\nX-Slow: ", "x")],
  ["fields that drip", dripping("HTTP/1.1 200 OK\r\n", "X-Slow: x\r\n")],
  ["informational replies without end", dripping("", "HTTP/1.1 102 Processing\r\n\r\n")],
  ["a body that drips", dripping("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "x")],
  ["chunks that drip", dripping("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")],
  ["a body that ends only with its connection", dripping("HTTP/1.1 200 OK\r\n\r\n{}", " ")],
];

describe("the deadline covers", () => {
  it.each(SLOW)("%s, and closes the connection", async (_what, converse) => {
    const endpoint = await startRawEndpoint(converse);
    const startedAtMs = performance.now();
    const reply = await post(loopbackWebhooks({ deadlineMs: DEADLINE_MS }), requestTo(endpoint));
    expect(reply).toMatchObject({ ok: false, reason: "timeout" });
    expect(performance.now() - startedAtMs).toBeGreaterThan(DEADLINE_MS - DRIP_MS);
    await endpoint.closed();
  });

  it("an endpoint that never takes what it is sent", async () => {
    const endpoint = await startRawEndpoint((socket) => socket.pause());
    const request = { ...requestTo(endpoint), body: "x".repeat(32 * 1_024 * 1_024) };
    expect(await post(loopbackWebhooks({ deadlineMs: DEADLINE_MS }), request)).toMatchObject({ ok: false, reason: "timeout" });
  });

  it("a handshake that is not answered", async () => {
    const endpoint = await startRawEndpoint((socket) => socket.resume());
    const webhooks = loopbackWebhooks({ targets: targetsOf("127.0.0.1/32"), deadlineMs: DEADLINE_MS });
    const request = { ...requestTo(endpoint), url: `https://127.0.0.1:${endpoint.port}/` };
    expect(await post(webhooks, request)).toMatchObject({ ok: false, reason: "timeout" });
    await endpoint.closed();
  });
});

it("webhooks that timed out leave their places to others", async () => {
  const endpoints = await Promise.all(SLOW.map(([, converse]) => startRawEndpoint(converse)));
  const webhooks = loopbackWebhooks({ deadlineMs: DEADLINE_MS });
  const fill = () =>
    Promise.all(
      Array.from({ length: WEBHOOKS_IN_FLIGHT_MAX }, (_, index) => {
        return post(webhooks, requestTo(endpoints[index % endpoints.length]!));
      }),
    );
  await fill();
  const reasons = () => fill().then((replies) => new Set(replies.map((reply) => (reply.ok ? "ok" : reply.reason))));
  await vi.waitFor(async () => expect(await reasons()).toEqual(new Set(["timeout"])), { timeout: 4_000 });
});

describe("a name server that is slow", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("gets the whole deadline and no more, and nothing is sent when it answers after that", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const endpoint = await startEndpoint((response) => response.end("{}"));
    let answer: (addresses: readonly LookupAddress[]) => void = () => undefined;
    const answered = new Promise<readonly LookupAddress[]>((resolve) => {
      answer = resolve;
    });
    const webhooks = loopbackWebhooks({ lookup: () => answered });
    let reply: unknown;
    const posted = post(webhooks, requestTo(endpoint, "/late", "slow.test")).then((value) => {
      reply = value;
    });

    await vi.advanceTimersByTimeAsync(WEBHOOK_DEADLINE_MS - 1);
    expect(reply).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await posted;
    expect(reply).toMatchObject({ ok: false, reason: "timeout", detail: "The endpoint did not answer within 5000 ms." });

    vi.useRealTimers();
    answer(LOOPBACK);
    // Behind the first, whose connection would be made by the time of this one's reply.
    expect(await post(webhooks, requestTo(endpoint, "/next", "slow.test"))).toMatchObject({ ok: true });
    expect(endpoint.connections()).toBe(1);
    expect(endpoint.requests[0]?.path).toMatch(/^\/next/);
  });

  it("holds so many webhooks at most; another is told at once, and has its turn when one is done", async () => {
    const endpoint = await startEndpoint((response) => response.end("{}"));
    const answers: ((addresses: readonly LookupAddress[]) => void)[] = [];
    const lookup = () => new Promise<readonly LookupAddress[]>((resolve) => answers.push(resolve));
    const webhooks = loopbackWebhooks({ lookup, deadlineMs: 1 });
    const request = requestTo(endpoint, "/", "slow.test");

    const held = Array.from({ length: WEBHOOKS_IN_FLIGHT_MAX }, () => post(webhooks, request));
    expect(await post(webhooks, request)).toMatchObject({ ok: false, reason: "busy" });
    // Those that timed out still hold a lookup each.
    for (const reply of await Promise.all(held)) expect(reply).toMatchObject({ ok: false, reason: "timeout" });
    expect(await post(webhooks, request)).toMatchObject({ ok: false, reason: "busy" });

    answers[0]?.([]);
    await vi.waitFor(async () => expect(await post(webhooks, request)).toMatchObject({ reason: "timeout" }));
    expect(answers).toHaveLength(WEBHOOKS_IN_FLIGHT_MAX + 1);
    expect(endpoint.connections()).toBe(0);
  });
});
