import { describe, expect, it } from "vitest";
import type { Api } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem, receive, receiveCount, send, settle } from "../support/http/http-fixtures.ts";

export function settleTests(api: Api): void {
  const setUp = async (count: number) => {
    const topic = await createTopic(api);
    const group = await createGroup(api, [topic]);
    for (let index = 0; index < count; index++) await send(api, topic, { body: `m${index}` });
    return { topic, group, messages: await receiveCount(api, group, count) };
  };

  describe("PROTOCOL 6.4 settle", () => {
    it("settles a mixed batch, in the order acks, nacks, extends, deadLetters", async () => {
      const { group, messages } = await setUp(4);
      const [a, b, c, d] = messages.map(({ receiptHandle }) => receiptHandle) as [string, string, string, string];
      const results = await settle(api, group, {
        deadLetters: [{ receiptHandle: d, reason: "no" }],
        extends: [{ receiptHandle: c, leaseSeconds: 90 }],
        nacks: [{ receiptHandle: b, delaySeconds: 0 }],
        acks: [{ receiptHandle: a }],
      });
      expect(results.map(({ status }) => status)).toEqual(["acked", "nacked", "extended", "deadLettered"]);
      expect(results.map(({ receiptHandle }) => receiptHandle).filter((_, index) => index !== 2)).toEqual([a, b, d]);
      const again = await receive(api, group, { max: 10, waitSeconds: 2 });
      expect(again.map(({ body }) => body)).toEqual([messages[1]!.body]);
    });

    it("acknowledges by a list of handles", async () => {
      const { group, messages } = await setUp(3);
      const receiptHandles = messages.map(({ receiptHandle }) => receiptHandle);
      const answer = await api.post(`/v1/groups/${group}/ack`, { receiptHandles });
      expect(answer.status).toBe(200);
      expect(answer.json.results).toEqual(receiptHandles.map((receiptHandle) => ({ receiptHandle, status: "acked" })));
    });

    it("answers a second ack of the same handle like the first", async () => {
      const { group, messages } = await setUp(1);
      const acks = messages.map(({ receiptHandle }) => ({ receiptHandle }));
      expect(await settle(api, group, { acks })).toMatchObject([{ status: "acked" }]);
      const [again] = await settle(api, group, { acks });
      expect(again!.status === "acked" || again!.error?.code === "LEASE_LOST").toBe(true);
    });

    it("settles part of what one receive handed out", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (let index = 0; index < 5; index++) await send(api, topic, { body: `m${index}` });
      const messages = await receiveCount(api, group, 5);
      const [first, , third] = messages;
      const results = await settle(api, group, {
        acks: [{ receiptHandle: first!.receiptHandle }],
        nacks: [{ receiptHandle: third!.receiptHandle, delaySeconds: 0 }],
      });
      expect(results.map(({ status }) => status)).toEqual(["acked", "nacked"]);
      expect((await receiveCount(api, group, 1, { max: 10 })).map(({ body }) => body)).toEqual(["m2"]);
    });

    it("reports a handle that is none per entry", async () => {
      const { group, messages } = await setUp(1);
      const good = messages[0]!.receiptHandle;
      const middle = Math.floor(good.length / 2);
      const tampered = good.slice(0, middle) + (good[middle] === "A" ? "B" : "A") + good.slice(middle + 1);
      const forged = ["", "x", tampered, `${good}A`, good.slice(0, -3), "日本", "A".repeat(5_000)];
      const results = await settle(api, group, { acks: [...forged, good].map((receiptHandle) => ({ receiptHandle })) });
      expect(results.map(({ status }) => status)).toEqual([...forged.map(() => "error"), "acked"]);
      for (const [index, result] of results.slice(0, -1).entries()) {
        expect(result.receiptHandle).toBe(forged[index]);
        expect(result.error).toMatchObject({
          code: "INVALID_RECEIPT_HANDLE",
          retryable: false,
          effect: "none",
          detail: expect.any(String),
        });
      }
    });

    it("refuses a handle of another group", async () => {
      const { topic, messages } = await setUp(1);
      const other = await createGroup(api, [topic]);
      const [result] = await settle(api, other, { acks: [{ receiptHandle: messages[0]!.receiptHandle }] });
      expect(result).toMatchObject({ status: "error", error: { code: "INVALID_RECEIPT_HANDLE" } });
    });

    it("settles up to 100 entries and refuses none or more", async () => {
      const group = await createGroup(api, []);
      const entries = (count: number) => Array.from({ length: count }, (_, index) => ({ receiptHandle: `h${index}` }));
      expect(await settle(api, group, { acks: entries(100) })).toHaveLength(100);
      for (const request of [{}, { acks: [] }, { acks: entries(101) }, { acks: entries(60), nacks: entries(60) }]) {
        expectProblem(await api.post(`/v1/groups/${group}/settle`, request), 400, "BAD_REQUEST");
      }
      for (const receiptHandles of [[], entries(101).map(({ receiptHandle }) => receiptHandle)]) {
        expectProblem(await api.post(`/v1/groups/${group}/ack`, { receiptHandles }), 400, "BAD_REQUEST");
      }
    });

    it("refuses entries that are none", async () => {
      const group = await createGroup(api, []);
      const wrong: object[] = [
        { acks: ["x"] },
        { acks: [{}] },
        { acks: [{ receiptHandle: 1 }] },
        { acks: [{ receiptHandle: "x", delaySeconds: 1 }] },
        { nacks: [{ receiptHandle: "x", delaySeconds: -1 }] },
        { nacks: [{ receiptHandle: "x", delaySeconds: 0.5 }] },
        { nacks: [{ receiptHandle: "x", delaySeconds: 1e9 }] },
        { nacks: [{ receiptHandle: "x", reason: "x".repeat(1_025) }] },
        { extends: [{ receiptHandle: "x" }] },
        { extends: [{ receiptHandle: "x", leaseSeconds: 0 }] },
        { extends: [{ receiptHandle: "x", leaseSeconds: 0, mayShorten: false }] },
        { extends: [{ receiptHandle: "x", leaseSeconds: 1, countAttempt: false }] },
        { extends: [{ receiptHandle: "x", leaseSeconds: -1, mayShorten: true }] },
        { extends: [{ receiptHandle: "x", leaseSeconds: 1, mayShorten: "yes" }] },
        { extends: [{ receiptHandle: "x", leaseSeconds: 43_201 }] },
        { acks: [{ receiptHandle: "x" }], colour: "red" },
      ];
      for (const request of wrong) {
        expect((await api.post(`/v1/groups/${group}/settle`, request)).status, JSON.stringify(request)).toBe(400);
      }
    });
  });
}
