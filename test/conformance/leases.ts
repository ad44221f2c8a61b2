import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Api } from "../support/http/http-api.ts";
import { ack, createGroup, createTopic, eventually, receive, receiveCount, send, settle } from "../support/http/http-fixtures.ts";

export function leaseTests(api: Api): void {
  const setUp = async (settings: object = {}) => {
    const topic = await createTopic(api, { queues: 1 });
    return { topic, group: await createGroup(api, [topic], settings) };
  };
  const deadLetters = (group: string) => api.get(`/v1/topics/%25DLQ%25${group}/queues/0/messages?tail=32`);

  // Each waits for real time to pass, on a topic of its own.
  describe.concurrent("PROTOCOL 6.3 leases", () => {
    it("delivers a message again when its lease ends, as the next attempt", async () => {
      const { topic, group } = await setUp();
      const { messageId } = await send(api, topic, { body: "x" });
      const [first] = await receiveCount(api, group, 1, { leaseSeconds: 1 });
      const [second] = await receiveCount(api, group, 1, { leaseSeconds: 30 });
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(first!.leaseUntil));
      expect(second).toMatchObject({ messageId, offset: first!.offset, attempt: 2 });
      expect(second!.receiptHandle).not.toBe(first!.receiptHandle);
      const [late] = await settle(api, group, { acks: [{ receiptHandle: first!.receiptHandle }] });
      expect(late).toMatchObject({ status: "error", error: { code: "LEASE_LOST", retryable: false, effect: "none" } });
      await ack(api, group, [second!]);
    });

    it.each(["acks", "nacks", "extends", "deadLetters"] as const)(
      "takes late %s while nobody has received it again",
      async (action) => {
        const { topic, group } = await setUp();
        await send(api, topic, { body: "x" });
        const [first] = await receiveCount(api, group, 1, { leaseSeconds: 1 });
        await sleep(Date.parse(first!.leaseUntil) - Date.now() + 3_000);
        const { receiptHandle } = first!;
        const entries = {
          acks: { receiptHandle },
          nacks: { receiptHandle, delaySeconds: 1 },
          extends: { receiptHandle, leaseSeconds: 60 },
          deadLetters: { receiptHandle, reason: "late" },
        };
        const [result] = await settle(api, group, { [action]: [entries[action]] });
        expect(result).toMatchObject({
          status: { acks: "acked", nacks: "nacked", extends: "extended", deadLetters: "deadLettered" }[action],
        });
        if (action === "nacks") expect(await receiveCount(api, group, 1)).toMatchObject([{ attempt: 2 }]);
        else expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
      },
    );

    it("wakes a long poll when a lease ends", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      await receiveCount(api, group, 1, { leaseSeconds: 1 });
      const startedAt = performance.now();
      const [again] = await receive(api, group, { waitSeconds: 10 });
      expect(again).toMatchObject({ attempt: 2 });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });

    it("gives a message back with a delay that overrides the backoff", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      const [first] = await receiveCount(api, group, 1);
      const nackedAt = Date.now();
      const [result] = await settle(api, group, {
        nacks: [{ receiptHandle: first!.receiptHandle, delaySeconds: 1, reason: "later" }],
      });
      expect(result).toEqual({ receiptHandle: first!.receiptHandle, status: "nacked" });
      expect(await receive(api, group)).toEqual([]);
      const [second] = await receiveCount(api, group, 1);
      expect(Date.now() - nackedAt).toBeGreaterThanOrEqual(1_000);
      expect(second).toMatchObject({ attempt: 2, messageId: first!.messageId });
    });

    it("gives a message back at once with a delay of 0", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      const [first] = await receiveCount(api, group, 1);
      await settle(api, group, { nacks: [{ receiptHandle: first!.receiptHandle, delaySeconds: 0 }] });
      const [second] = await receiveCount(api, group, 1);
      expect(second).toMatchObject({ attempt: 2 });
    });

    it("does not count an attempt where asked not to", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      const [first] = await receiveCount(api, group, 1);
      await settle(api, group, { nacks: [{ receiptHandle: first!.receiptHandle, delaySeconds: 0, countAttempt: false }] });
      expect((await receiveCount(api, group, 1))[0]).toMatchObject({ attempt: 1 });
    });

    it("waits for the group's backoff where no delay is given", async () => {
      const { topic, group } = await setUp({ backoff: [1] });
      await send(api, topic, { body: "x" });
      const [first] = await receiveCount(api, group, 1);
      const nackedAt = Date.now();
      await settle(api, group, { nacks: [{ receiptHandle: first!.receiptHandle }] });
      await receiveCount(api, group, 1);
      expect(Date.now() - nackedAt).toBeGreaterThanOrEqual(1_000);
    });

    it("extends a lease under a new handle", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      const [message] = await receiveCount(api, group, 1, { leaseSeconds: 2 });
      const [extended] = await settle(api, group, { extends: [{ receiptHandle: message!.receiptHandle, leaseSeconds: 60 }] });
      expect(extended).toMatchObject({
        status: "extended",
        receiptHandle: expect.any(String),
        leaseUntil: expect.stringMatching(/Z$/),
      });
      expect(Date.parse(extended!.leaseUntil!)).toBeGreaterThan(Date.now() + 50_000);
      await eventually(async () => (Date.now() > Date.parse(message!.leaseUntil) + 500 ? true : undefined));
      expect(await receive(api, group)).toEqual([]);
      const [acked] = await settle(api, group, { acks: [{ receiptHandle: extended!.receiptHandle }] });
      expect(acked).toMatchObject({ status: "acked" });
    });

    it("shortens a lease where asked to, and its handles settle until it ends", async () => {
      const { topic, group } = await setUp();
      for (const body of ["a", "b"]) await send(api, topic, { body });
      const [a, b] = await receiveCount(api, group, 2, { leaseSeconds: 60 });
      const shortenedAt = Date.now();
      const results = await settle(api, group, {
        extends: [a, b].map((message) => ({ receiptHandle: message!.receiptHandle, leaseSeconds: 2, mayShorten: true })),
      });
      for (const { status, leaseUntil } of results) {
        expect(status).toBe("extended");
        expect(Date.parse(leaseUntil!)).toBeLessThan(shortenedAt + 10_000);
      }
      expect(await receive(api, group)).toEqual([]);
      expect(await settle(api, group, { acks: [{ receiptHandle: b!.receiptHandle }] })).toMatchObject([{ status: "acked" }]);
      const again = await receive(api, group, { waitSeconds: 10, max: 2 });
      expect(again).toMatchObject([{ messageId: a!.messageId, attempt: 2 }]);
      expect(Date.now() - shortenedAt).toBeGreaterThanOrEqual(2_000);
      const [late] = await settle(api, group, { acks: [{ receiptHandle: results[0]!.receiptHandle }] });
      expect(late).toMatchObject({ status: "error", error: { code: "LEASE_LOST" } });
    });

    it("lets go of a lease of no time at once, without counting it where asked so", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "x" });
      for (const [countAttempt, attempt] of [
        [false, 1],
        [undefined, 2],
      ] as const) {
        const [{ receiptHandle }] = (await receiveCount(api, group, 1)) as [{ receiptHandle: string }];
        const entry = { receiptHandle, leaseSeconds: 0, mayShorten: true, countAttempt };
        expect(await settle(api, group, { extends: [entry] })).toMatchObject([{ status: "extended" }]);
        const [again] = await receiveCount(api, group, 1);
        expect(again).toMatchObject({ attempt });
        await settle(api, group, { nacks: [{ receiptHandle: again!.receiptHandle, delaySeconds: 0, countAttempt: false }] });
      }
    });
  });

  describe.concurrent("PROTOCOL 6.5 dead letters", () => {
    it("moves a message to %DLQ%<group> after its last attempt", async () => {
      const { topic, group } = await setUp({ maxAttempts: 2, backoff: [0] });
      const sent = await send(api, topic, { body: "poison", tag: "T", keys: ["k"], properties: { src: "web" } });
      for (const attempt of [1, 2]) {
        const [message] = await receiveCount(api, group, 1);
        expect(message).toMatchObject({ attempt, maxAttempts: 2, messageId: sent.messageId });
        await settle(api, group, {
          nacks: [{ receiptHandle: message!.receiptHandle, delaySeconds: 0, reason: "card declined" }],
        });
      }
      const dead = await eventually(async () => {
        await receive(api, group);
        const answer = await deadLetters(group);
        return answer.status === 200 && answer.json.messages.length > 0 ? answer.json.messages : undefined;
      });
      expect(dead).toMatchObject([{ body: "poison", tag: "T", keys: ["k"], topic: `%DLQ%${group}` }]);
      expect(dead[0].properties).toMatchObject({ src: "web" });
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
    });

    it("moves a message whose last lease ran out", async () => {
      const { topic, group } = await setUp({ maxAttempts: 1 });
      await send(api, topic, { body: "abandoned" });
      await receiveCount(api, group, 1, { leaseSeconds: 1 });
      const dead = await eventually(async () => {
        expect(await receive(api, group)).toEqual([]);
        const answer = await deadLetters(group);
        return answer.status === 200 && answer.json.messages.length > 0 ? answer.json.messages : undefined;
      });
      expect(dead).toMatchObject([{ body: "abandoned" }]);
    });

    it("moves a message at once when asked to", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "hopeless" });
      await send(api, topic, { body: "fine" });
      const messages = await receiveCount(api, group, 2);
      const hopeless = messages.find(({ body }) => body === "hopeless");
      const [result] = await settle(api, group, {
        deadLetters: [{ receiptHandle: hopeless!.receiptHandle, reason: "no such account" }],
      });
      expect(result).toEqual({ receiptHandle: hopeless!.receiptHandle, status: "deadLettered" });
      expect((await deadLetters(group)).json.messages).toMatchObject([{ body: "hopeless" }]);
      expect((await api.delete(`/v1/groups/${group}?dryRun=true`)).json.deadLetters).toBe(1);
      const queues = await api.get(`/v1/topics/%25DLQ%25${group}/queues`);
      expect(queues.status).toBe(200);
    });
  });
}
