import { describe, expect, it } from "vitest";
import type { Api } from "../support/http/http-api.ts";
import {
  ack,
  createGroup,
  createTopic,
  eventually,
  expectProblem,
  receive,
  receiveCount,
  send,
} from "../support/http/http-fixtures.ts";

export function receiveTests(api: Api): void {
  const setUp = async (settings: object = { queues: 1 }) => {
    const topic = await createTopic(api, settings);
    return { topic, group: await createGroup(api, [topic]) };
  };

  describe("PROTOCOL 6.1 receive", () => {
    it("hands out a message with everything it carries, and its lease", async () => {
      const { topic, group } = await setUp();
      const sent = await send(api, topic, { body: "x", tag: "created", keys: ["1"], properties: { src: "web" } });
      const before = Date.now();
      const [message] = await receiveCount(api, group, 1, { leaseSeconds: 30 });
      expect(message).toEqual({
        messageId: sent.messageId,
        topic,
        queueId: 0,
        offset: "0",
        tag: "created",
        keys: ["1"],
        properties: { src: "web" },
        messageGroup: null,
        bornAt: expect.stringMatching(/Z$/),
        storedAt: expect.stringMatching(/Z$/),
        body: "x",
        bodyEncoding: "utf8",
        attempt: 1,
        maxAttempts: 17,
        leaseUntil: expect.stringMatching(/Z$/),
        receiptHandle: expect.any(String),
      });
      const leaseMs = Date.parse(message!.leaseUntil) - before;
      expect(leaseMs).toBeGreaterThan(25_000);
      expect(leaseMs).toBeLessThan(40_000);
    });

    it("answers an empty list when there is nothing", async () => {
      const { group } = await setUp();
      const answer = await api.post(`/v1/groups/${group}/receive`, {});
      expect(answer.status).toBe(200);
      expect(answer.json).toEqual({ messages: [] });
      expect((await api.post(`/v1/groups/${group}/receive`)).json).toEqual({ messages: [] });
    });

    it("does not hand out a message twice while its lease runs", async () => {
      const { topic, group } = await setUp({ queues: 4 });
      for (let index = 0; index < 20; index++) await send(api, topic, { body: `m${index}` });
      const rounds = await Promise.all(Array.from({ length: 8 }, () => receive(api, group, { max: 5 })));
      const more = await receiveCount(api, group, 20 - rounds.flat().length);
      const all = [...rounds.flat(), ...more].map(({ body }) => body);
      expect(all.sort()).toEqual(Array.from({ length: 20 }, (_, index) => `m${index}`).sort());
      expect(await receive(api, group, { max: 32 })).toEqual([]);
    });

    it("visits every queue until max is reached", async () => {
      const { topic, group } = await setUp({ queues: 4 });
      const bodies = Array.from({ length: 40 }, (_, index) => `m${index}`);
      for (const body of bodies) await send(api, topic, { body });
      const first = await receive(api, group, { max: 32 });
      expect(first).toHaveLength(32);
      const second = await receive(api, group, { max: 32 });
      expect(second).toHaveLength(8);
      expect([...first, ...second].map(({ body }) => body).sort()).toEqual([...bodies].sort());
    });

    it("delivers acknowledged messages never again", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      await ack(api, group, await receiveCount(api, group, 1, { leaseSeconds: 1 }));
      const again = await receive(api, group, { max: 10, waitSeconds: 2 });
      expect(again).toEqual([]);
    });

    it("receives from the topics it names alone", async () => {
      const topics = [await createTopic(api), await createTopic(api)] as const;
      const group = await createGroup(api, topics);
      for (const topic of topics) await send(api, topic, { body: topic });
      const named = await receiveCount(api, group, 1, { topics: [topics[1]], max: 10 });
      expect(named.map(({ topic }) => topic)).toEqual([topics[1]]);
      const rest = await receiveCount(api, group, 1, { max: 10 });
      expect(rest.map(({ topic }) => topic)).toEqual([topics[0]]);
      const foreign = await createTopic(api);
      expect((await api.post(`/v1/groups/${group}/receive`, { topics: [foreign] })).status).toBeGreaterThanOrEqual(400);
    });

    it("repeats the same messages, order and handles for the same attemptId", async () => {
      const { topic, group } = await setUp({ queues: 4 });
      for (let index = 0; index < 6; index++) await send(api, topic, { body: `m${index}` });
      const request = { max: 4, leaseSeconds: 30, attemptId: "attempt-1" };
      const first = await receive(api, group, request);
      expect(first).toHaveLength(4);
      expect(await receive(api, group, request)).toEqual(first);
      const other = await receive(api, group, { ...request, attemptId: "attempt-2" });
      expect(other).toHaveLength(2);
      const handles = new Set([...first, ...other].map(({ receiptHandle }) => receiptHandle));
      expect(handles.size).toBe(6);
      await ack(api, group, first);
    });

    it("refuses requests that are none or pass a limit", async () => {
      const { group } = await setUp();
      const wrong: object[] = [{ max: 0 }, { max: 33 }, { max: 1.5 }, { max: "1" }, { waitSeconds: 21 }, { waitSeconds: -1 }];
      wrong.push({ leaseSeconds: 0 }, { leaseSeconds: 43_201 }, { attemptId: "" }, { attemptId: "x".repeat(129) });
      wrong.push({ topics: [] }, { topics: "t" }, { visibility: 1 }, []);
      for (const request of wrong) {
        const answer = await api.post(`/v1/groups/${group}/receive`, request);
        expect(answer.status, JSON.stringify(request)).toBe(400);
        expect(["BAD_REQUEST", "ILLEGAL_INVISIBLE_TIME"]).toContain(answer.json.code);
      }
      expectProblem(await api.post(`/v1/groups/${group}/receive`, { topics: ["no-such-topic-here"] }), 400, "BAD_REQUEST");
    });
  });

  describe("PROTOCOL 6.2 long polling", () => {
    it(`wakes within ${api.wakeMsMax} ms of a send`, async () => {
      const { topic, group } = await setUp({ queues: 4 });
      const delays: number[] = [];
      for (let round = 0; round < 3; round++) {
        const waiting = receive(api, group, { waitSeconds: 10 }).then((messages) => ({ messages, at: performance.now() }));
        // The poll must be waiting: a send that overtakes it proves nothing.
        await new Promise((resolve) => setTimeout(resolve, 150));
        await send(api, topic, { body: `m${round}` });
        const sentAt = performance.now();
        const { messages, at } = await waiting;
        expect(messages.map(({ body }) => body)).toEqual([`m${round}`]);
        await ack(api, group, messages);
        delays.push(at - sentAt);
      }
      expect(Math.min(...delays)).toBeLessThan(api.wakeMsMax);
    });

    it("waits no longer than asked", async () => {
      const { group } = await setUp();
      const startedAt = performance.now();
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
      const waitedMs = performance.now() - startedAt;
      expect(waitedMs).toBeGreaterThan(900);
      expect(waitedMs).toBeLessThan(4_000);
    });

    it("wakes one of many waiting consumers per message", async () => {
      const { topic, group } = await setUp();
      const waiting = Array.from({ length: 5 }, () => receive(api, group, { waitSeconds: 1 }));
      await new Promise((resolve) => setTimeout(resolve, 150));
      await send(api, topic, { body: "only one" });
      const received = (await Promise.all(waiting)).flat();
      expect(received.map(({ body }) => body)).toEqual(["only one"]);
    });

    it("claims nothing for a consumer that has gone away", async (context) => {
      if (api.behindGateway) return context.skip("the gateway does not tell that a client is gone");
      const { topic, group } = await setUp();
      const controller = new AbortController();
      const headers = { "Content-Type": "application/json" };
      const gone = api
        .send("POST", `/v1/groups/${group}/receive`, '{"waitSeconds":20,"leaseSeconds":600}', {
          headers,
          signal: controller.signal,
        })
        .catch((error: Error) => error.name);
      await new Promise((resolve) => setTimeout(resolve, 200));
      controller.abort();
      expect(await gone).toBe("AbortError");
      // The server hears of it with the next packet; half a second is ample.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await send(api, topic, { body: "for who is left" });
      const received = await eventually(async () => {
        const messages = await receive(api, group);
        return messages.length > 0 ? messages : undefined;
      }, 3_000);
      expect(received).toMatchObject([{ body: "for who is left", attempt: 1 }]);
    });
  });
}
