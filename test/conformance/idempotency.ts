import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Answer, type Api, type CallOptions, uniqueName } from "../support/http/http-api.ts";
import {
  createGroup,
  createTopic,
  eventually,
  expectProblem,
  receive,
  receiveCount,
  send,
  settle,
} from "../support/http/http-fixtures.ts";

const REPLAYED = "idempotency-replayed";

export function idempotencyTests(api: Api): void {
  const keyed = (key: string, headers: Record<string, string> = {}): CallOptions => ({
    headers: { "Idempotency-Key": key, ...headers },
  });
  const stored = async (topic: string): Promise<number> => {
    const { items } = (await api.get(`/v1/topics/${topic}/queues`)).json;
    return items.reduce((sum: number, { maxOffset }: { maxOffset: string }) => sum + Number(maxOffset), 0);
  };
  const expectReplay = (answer: Answer, first: Answer) => {
    expect(first.headers.get(REPLAYED)).toBeNull();
    expect(answer.headers.get(REPLAYED), answer.text).toBe("true");
    expect([answer.status, answer.text]).toEqual([first.status, first.text]);
    for (const name of ["content-type", "etag", "preference-applied"]) {
      expect(answer.headers.get(name), name).toBe(first.headers.get(name));
    }
    expect(answer.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
  };
  /** Asks twice with one key. */
  const twice = async (path: string, body?: object, between: () => Promise<unknown> = async () => undefined) => {
    const key = uniqueName("key");
    const first = await api.post(path, body, keyed(key));
    expect(first.status, first.text).toBeLessThan(300);
    await between();
    const again = await api.post(path, body, keyed(key));
    expectReplay(again, first);
    return first;
  };

  describe("PROTOCOL 9 idempotency keys", () => {
    it("stores a send once, and answers its repeat with the same bytes", async () => {
      const topic = await createTopic(api);
      const path = `/v1/topics/${topic}/messages`;
      expect((await twice(path, { body: "x", tag: "t" })).json).toMatchObject({ status: "SEND_OK", duplicate: false });
      expect(await stored(topic)).toBe(1);
      await twice(`${path}/batch`, { entries: [{ body: "a" }, { body: "" }, { body: "b" }] });
      expect(await stored(topic)).toBe(3);
    });

    it("stores what is published once, oneway too", async () => {
      const topic = await createTopic(api);
      const path = `/v1/topics/${topic}/publish`;
      for (const prefer of ["return=representation", "return=minimal"]) {
        const options = keyed(uniqueName("key"), { "X-MQ-Tag": "t", Prefer: prefer });
        const first = await api.send("POST", path, "bytes", options);
        expectReplay(await api.send("POST", path, "bytes", options), first);
      }
      await eventually(async () => ((await stored(topic)) === 2 ? true : undefined));
    });

    it("is the dedup key of what is sent, whichever way", async () => {
      const topic = await createTopic(api);
      const path = `/v1/topics/${topic}`;
      const key = uniqueName("key");
      const { messageId } = (await api.post(`${path}/messages`, { body: "x" }, keyed(key))).json;
      const others = [
        await api.post(`${path}/messages`, { body: "x", dedupKey: key }),
        await api.send("POST", `${path}/publish`, "x", keyed(key)),
      ];
      for (const { json } of others) expect(json).toMatchObject({ messageId, duplicate: true });
      const entries = [{ body: "a" }, { body: "b", dedupKey: uniqueName("dedup") }];
      const { results } = (await api.post(`${path}/messages/batch`, { entries }, keyed(key))).json;
      expect(results).toMatchObject([{ duplicate: false }, { duplicate: false }]);
      for (const [entry, dedupKey] of [
        [0, `${key}/0`],
        [1, entries[1]!.dedupKey],
      ] as const) {
        const answer = await api.post(`${path}/messages`, { body: "x", dedupKey });
        expect(answer.json).toMatchObject({ messageId: results[entry].messageId, duplicate: true });
      }
      expect(await stored(topic)).toBe(3);
    });

    it("tells nothing from each other that has no key", async () => {
      const topic = await createTopic(api);
      for (let turn = 0; turn < 2; turn++) {
        const answer = await api.post(`/v1/topics/${topic}/messages`, { body: "x" });
        expect([answer.status, answer.headers.get(REPLAYED)]).toEqual([201, null]);
      }
      expect(await stored(topic)).toBe(2);
    });

    it("hands out the same messages to a repeated receive", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (const body of ["a", "b", "c"]) await send(api, topic, { body });
      const first = await twice(`/v1/groups/${group}/receive`, { max: 2 });
      expect(first.json.messages).toMatchObject([{ body: "a" }, { body: "b" }]);
      expect(await receive(api, group, { max: 2 })).toMatchObject([{ body: "c" }]);
    });

    it("hands them out again where they are too large to be kept", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (const letter of ["a", "b"]) await send(api, topic, { body: letter.repeat(400_000) });
      const first = await twice(`/v1/groups/${group}/receive`, { max: 1 });
      expect(first.json.messages[0].body).toBe("a".repeat(400_000));
      expect(await receive(api, group, { max: 2 })).toMatchObject([{ body: "b".repeat(400_000) }]);
    });

    it("hands checks of transactions out again where they are too large to be kept", async () => {
      const topic = await createTopic(api, { type: "TRANSACTION" });
      const producerGroup = uniqueName("producers");
      const half = { body: "x".repeat(400_000), producerGroup, checkAfterSeconds: 1 };
      const { transactionId } = (await api.post(`/v1/topics/${topic}/transactions`, half)).json;
      const path = `/v1/producer-groups/${producerGroup}/checks/receive`;
      const first = await twice(path, { waitSeconds: 20 });
      expect(first.json.checks).toMatchObject([{ transactionId, checkNumber: 1 }]);
      await api.post(`/v1/transactions/${transactionId}/rollback`);
    });

    it("settles once", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (const body of ["a", "b"]) await send(api, topic, { body });
      const [a, b] = await receiveCount(api, group, 2);
      let again = b;
      const settled = await twice(
        `/v1/groups/${group}/settle`,
        { acks: [{ receiptHandle: a!.receiptHandle }], nacks: [{ receiptHandle: b!.receiptHandle, delaySeconds: 0 }] },
        async () => {
          [again] = await receiveCount(api, group, 1);
        },
      );
      expect(settled.json.results).toMatchObject([{ status: "acked" }, { status: "nacked" }]);
      expect(again).toMatchObject({ body: "b", attempt: 2 });
      const acked = await twice(`/v1/groups/${group}/ack`, { receiptHandles: [again!.receiptHandle] });
      expect(acked.json.results).toMatchObject([{ status: "acked" }]);
    });

    it("redrives, resets, pauses and purges once", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      const bury = async () => {
        const [message] = await receiveCount(api, group, 1);
        const results = await settle(api, group, { deadLetters: [{ receiptHandle: message!.receiptHandle, reason: "no" }] });
        expect(results).toMatchObject([{ status: "deadLettered" }]);
      };
      const waiting = async () => (await api.get(`/v1/groups/${group}/dlq`)).json.items.length;
      await send(api, topic, { body: "x" });
      await bury();
      const redriven = await twice(`/v1/groups/${group}/dlq/redrive`, {}, bury);
      expect(redriven.json).toMatchObject({ moved: 1 });
      expect(await waiting()).toBe(1);
      const purged = await twice(`/v1/groups/${group}/dlq/purge`, { confirm: group }, async () => {
        expect(await waiting()).toBe(0);
        await send(api, topic, { body: "y" });
        await bury();
      });
      expect(purged.json).toEqual({ purged: 1 });
      expect(await waiting()).toBe(1);
      await twice(`/v1/groups/${group}/offsets/reset`, { topic, to: "earliest" }, async () => {
        await receiveCount(api, group, 2);
      });
      expect(await receive(api, group, { max: 2 })).toEqual([]);
      await twice(`/v1/groups/${group}/pause`, undefined, () => api.post(`/v1/groups/${group}/resume`));
      expect((await api.get(`/v1/groups/${group}`)).json).toMatchObject({ paused: false });
    });

    it("refuses a key that comes with another request", async () => {
      const topic = await createTopic(api);
      const path = `/v1/topics/${topic}/publish`;
      const key = uniqueName("key");
      const publish = (body: string, headers: Record<string, string> = {}) =>
        api.send("POST", path, body, keyed(key, { "Content-Type": "text/plain", "X-MQ-Tag": "t", ...headers }));
      const first = await publish("x");
      for (const other of [
        () => publish("y"),
        () => publish("x", { "X-MQ-Tag": "u" }),
        () => publish("x", { "X-MQ-Property-a": "b" }),
        () => publish("x", { "Content-Type": "application/octet-stream" }),
        () => publish("x", { Prefer: "return=minimal" }),
      ]) {
        expectProblem(await other(), 422, "IDEMPOTENCY_KEY_REUSED");
      }
      // What says nothing of the message makes it no other.
      expectReplay(await publish("x", { "X-Request-Id": uniqueName("request"), Accept: "*/*" }), first);
      expect(await stored(topic)).toBe(1);
    });

    it("knows a key on its own route alone", async () => {
      const [one, two] = [await createTopic(api), await createTopic(api)];
      const key = uniqueName("key");
      for (const topic of [one, two]) {
        for (const path of [`/v1/topics/${topic}/messages`, `/v1/topics/${topic}/messages/batch`]) {
          const answer = await api.post(path, path.endsWith("batch") ? { entries: [{ body: "x" }] } : { body: "x" }, keyed(key));
          expect([answer.status < 300, answer.headers.get(REPLAYED)], answer.text).toEqual([true, null]);
        }
        expect(await stored(topic)).toBe(2);
      }
    });

    it("has one effect for ten that come at once", async () => {
      const topic = await createTopic(api);
      const key = uniqueName("key");
      const ask = () => api.post(`/v1/topics/${topic}/messages`, { body: "x" }, keyed(key));
      const answers = await Promise.all(Array.from({ length: 10 }, ask));
      const first = answers.filter(({ status, headers }) => status === 201 && headers.get(REPLAYED) === null);
      expect(first).toHaveLength(1);
      for (const answer of answers) {
        if (answer === first[0]) continue;
        if (answer.status === 201) expectReplay(answer, first[0]!);
        else expectProblem(answer, 409, "REQUEST_IN_PROGRESS");
      }
      expectReplay(await ask(), first[0]!);
      expect(await stored(topic)).toBe(1);
    });

    it("keeps no failure: the request may be repeated as it was, or mended", async () => {
      const topic = uniqueName("topic");
      const key = uniqueName("key");
      const ask = (body: object) => api.post(`/v1/topics/${topic}/messages`, body, keyed(key));
      expectProblem(await ask({ body: "x" }), 404, "TOPIC_NOT_FOUND");
      expectProblem(await ask({ body: "x" }), 404, "TOPIC_NOT_FOUND");
      expect((await api.put(`/v1/topics/${topic}`)).status).toBe(201);
      await api.changesKnown();
      expectProblem(await ask({ body: "x", priority: 1 }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
      const first = await ask({ body: "x" });
      expect([first.status, first.headers.get(REPLAYED)]).toEqual([201, null]);
      expectReplay(await ask({ body: "x" }), first);
      expectProblem(await ask({ body: "y" }), 422, "IDEMPOTENCY_KEY_REUSED");
    });

    it("asks for patience while the first runs", async () => {
      const group = await createGroup(api, [await createTopic(api)]);
      const key = uniqueName("key");
      const ask = () => api.post(`/v1/groups/${group}/receive`, { waitSeconds: 2 }, keyed(key));
      const asked = [ask(), ask()];
      const refused = await Promise.race(asked);
      expectProblem(refused, 409, "REQUEST_IN_PROGRESS");
      expect(refused.json.retryable).toBe(true);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      const [first] = (await Promise.all(asked)).filter((answer) => answer !== refused);
      expect(first!.json).toEqual({ messages: [] });
      expectReplay(await ask(), first!);
    });

    it("runs a receive again that its client did not wait for", async ({ skip }) => {
      if (api.behindGateway) skip("a gateway does not tell that its client went away");
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      const options = keyed(uniqueName("key"));
      const ask = (more: CallOptions = {}) =>
        api.post(`/v1/groups/${group}/receive`, { waitSeconds: 20 }, { ...options, ...more });
      // One of two is refused: the other waits.
      const clients = [new AbortController(), new AbortController()];
      const asked = clients.map(({ signal }) => ask({ signal }).catch(() => "gone" as const));
      expect(await Promise.race(asked)).toMatchObject({ status: 409 });
      for (const client of clients) client.abort();
      expect(await Promise.all(asked)).toContain("gone");
      const answered = eventually(async () => {
        const answer = await ask();
        return answer.status === 409 ? undefined : answer;
      }, 30_000);
      // The repeat does not take the answer of the wait that was cut short: it waits too.
      expect(await Promise.race([answered, sleep(1_000, "waits")])).toBe("waits");
      await send(api, topic, { body: "x" });
      expect((await answered).json.messages).toMatchObject([{ body: "x" }]);
    });

    it("takes one header of 1 to 255 visible characters, on POST alone", async () => {
      const topic = await createTopic(api);
      const path = `/v1/topics/${topic}/messages`;
      const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");
      for (const key of ["!", visible.replace(",", ""), "k".repeat(255)]) {
        const answer = await api.post(path, { body: "x" }, keyed(key));
        expect(answer.status, answer.text).toBe(201);
      }
      const malformed = ["k".repeat(256), "two words", "one,two", "one, two", "\u00fc", ...(api.behindGateway ? [] : [""])];
      for (const key of malformed) {
        expectProblem(await api.post(path, { body: "x" }, keyed(key)), 400, "BAD_REQUEST", "Idempotency-Key");
        expect((await api.put(`/v1/topics/${topic}`, {}, keyed(key))).status).toBe(200);
        expect((await api.get(`/v1/topics/${topic}`, keyed(key))).status).toBe(200);
      }
      expect(await stored(topic)).toBe(3);
    });
  });
}
