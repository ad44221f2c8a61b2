import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem, receive, receiveCount } from "../support/http/http-fixtures.ts";

export function onceTests(api: Api): void {
  const messages = (topic: string) => `/v1/topics/${topic}/messages`;
  const post = async (topic: string, message: object) => {
    const answer = await api.post(messages(topic), { body: "x", ...message });
    expect(answer.status, answer.text).toBe(201);
    return answer.json;
  };
  const batch = async (topic: string, entries: readonly object[]) => {
    const answer = await api.post(`${messages(topic)}/batch`, { entries });
    expect(answer.status, answer.text).toBe(200);
    return answer.json.results;
  };
  const repeated = (receipt: object) => ({ ...receipt, duplicate: true });

  describe("PROTOCOL 4.7 sends with a dedup key", () => {
    it("are stored once and answered alike", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const dedupKey = "order 1/ü";
      const first = await post(topic, { body: "first", dedupKey });
      expect(first.duplicate).toBe(false);
      expect(await post(topic, { body: "second", dedupKey })).toEqual(repeated(first));
      expect(await post(topic, { body: "third", dedupKey, dedupWindowSeconds: 300 })).toEqual(repeated(first));
      const other = await createTopic(api);
      expect((await post(other, { dedupKey })).duplicate).toBe(false);
      expect((await receiveCount(api, group, 1)).map(({ body }) => body)).toEqual(["first"]);
      expect(await receive(api, group)).toEqual([]);
    });

    it("wait for each other and all answer the first result", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const receipts = await Promise.all(Array.from({ length: 12 }, () => post(topic, { dedupKey: "k" })));
      expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(receipts.map(({ messageId, queueId, offset }) => `${messageId} ${queueId} ${offset}`)).size).toBe(1);
      await receiveCount(api, group, 1);
      expect(await receive(api, group)).toEqual([]);
    });

    it("work in batches, where one key may come twice", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      const before = await post(topic, { dedupKey: "b" });
      const entries = [
        { body: "0" },
        { body: "1", dedupKey: "a" },
        { body: "2", dedupKey: "b" },
        { body: "3", dedupKey: "a" },
        { body: "4" },
      ];
      const results = await batch(topic, entries);
      expect(results.map(({ duplicate }: { duplicate: boolean }) => duplicate)).toEqual([false, false, true, true, false]);
      expect(results[2]).toEqual(repeated(before));
      expect(results[3]).toEqual(repeated(results[1]));
      const again = await batch(topic, entries.slice(1, 4));
      expect(again).toEqual([repeated(results[1]), repeated(before), repeated(results[1])]);
      expect((await receiveCount(api, group, 4)).map(({ body }) => body).sort()).toEqual(["0", "1", "4", "x"]);
      expect(await receive(api, group)).toEqual([]);
    });

    it("work for a hundred at once", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const entries = Array.from({ length: 100 }, (_, at) => ({ body: String(at), dedupKey: `k${at}` }));
      const results = await batch(topic, entries);
      expect(results.map(({ offset }: { offset: string }) => offset)).toEqual(entries.map((_, at) => String(at)));
      expect(await batch(topic, entries)).toEqual(results.map(repeated));
    });

    it("work for delayed messages", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const message = { delaySeconds: 0.5, dedupKey: "k" };
      const first = await post(topic, message);
      expect(await post(topic, message)).toEqual(repeated(first));
      await receiveCount(api, group, 1);
      expect(await post(topic, message)).toEqual(repeated(first));
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
    });

    it("keep the id that the producer chose", async () => {
      const topic = await createTopic(api);
      const first = await post(topic, { dedupKey: "k", messageId: "mine" });
      expect(first.messageId).toBe("mine");
      expect(await post(topic, { dedupKey: "k", messageId: "other" })).toEqual(repeated(first));
    });

    it("are refused where the key or the window cannot be", async () => {
      const topic = await createTopic(api);
      for (const fields of [
        { dedupKey: "" },
        { dedupKey: "k".repeat(256) },
        { dedupKey: "a\u0001" },
        { dedupKey: 7 },
        { dedupKey: "k", dedupWindowSeconds: 299 },
        { dedupKey: "k", dedupWindowSeconds: 86_401 },
        { dedupWindowSeconds: 300 },
        { dedupKey: "k", producerId: "p", sequence: 1 },
      ])
        expectProblem(await api.post(messages(topic), { body: "x", ...fields }), 400, "BAD_REQUEST");
    });
  });

  describe("PROTOCOL 4.8 sends with a producer's sequence", () => {
    const from = (producerId: string, sequence: number, fields: object = {}) => ({ producerId, sequence, ...fields });

    it("are stored once each, a gap is refused, a repeat is answered alike", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const p = uniqueName("producer");
      const first = await post(topic, from(p, 0));
      const second = await post(topic, from(p, 1));
      expect(await post(topic, from(p, 1))).toEqual(repeated(second));
      expect(await post(topic, from(p, 0))).toEqual(repeated(first));
      expectProblem(await api.post(messages(topic), { body: "x", ...from(p, 3) }), 409, "OUT_OF_ORDER_SEQUENCE", /send 2 next/);
      expect((await post(topic, from(p, 2))).duplicate).toBe(false);
      expect((await post(topic, from(uniqueName("other"), 7))).duplicate).toBe(false);
      await receiveCount(api, group, 4);
      expect(await receive(api, group)).toEqual([]);
    });

    it("work in batches: what follows a gap is refused", async () => {
      const topic = await createTopic(api, { type: "MIXED" });
      const p = uniqueName("producer");
      const entries = [
        from(p, 1, { body: "1", messageGroup: "a" }),
        from(p, 2, { body: "2", messageGroup: "b" }),
        from(p, 3, { body: "3", delaySeconds: 3_600 }),
        from(p, 5, { body: "5" }),
        from(p, 4, { body: "4" }),
      ];
      const results = await batch(topic, entries);
      expect(results.map(({ error }: { error?: { code: string } }) => error?.code)).toEqual([
        undefined,
        undefined,
        undefined,
        "OUT_OF_ORDER_SEQUENCE",
        undefined,
      ]);
      const again = await batch(topic, entries);
      for (const at of [0, 1, 2, 4]) expect(again[at]).toEqual(repeated(results[at]));
      expect(again[3].duplicate).toBe(false);
    });

    it("answer a whole batch again", async () => {
      const topic = await createTopic(api);
      const p = uniqueName("producer");
      const entries = Array.from({ length: 100 }, (_, at) => from(p, at, { body: String(at) }));
      const results = await batch(topic, entries);
      expect(new Set(results.map(({ queueId }: { queueId: number }) => queueId)).size).toBe(1);
      expect(await batch(topic, entries)).toEqual(results.map(repeated));
    });

    it("from two instances at once are stored once", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const p = uniqueName("producer");
      await post(topic, from(p, 0));
      const receipts = await Promise.all(Array.from({ length: 8 }, () => post(topic, from(p, 1))));
      expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      await receiveCount(api, group, 2);
      expect(await receive(api, group)).toEqual([]);
    });

    it("are refused where one of the two is missing or wrong", async () => {
      const topic = await createTopic(api);
      for (const fields of [
        { producerId: "p" },
        { sequence: 1 },
        { producerId: "p", sequence: -1 },
        { producerId: "", sequence: 1 },
      ])
        expectProblem(await api.post(messages(topic), { body: "x", ...fields }), 400, "BAD_REQUEST");
    });
  });
}
