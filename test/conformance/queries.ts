import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import {
  ack,
  createGroup,
  createTopic,
  expectProblem,
  type MessageJson,
  receive,
  receiveCount,
  send,
  settle,
} from "../support/http/http-fixtures.ts";

interface Page {
  readonly items: readonly MessageJson[];
  readonly nextCursor: string | null;
  readonly complete: boolean;
}

export function queryTests(api: Api): void {
  const query = async (topic: string, parameters: Record<string, string | number> = {}): Promise<Page> => {
    const written = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
    const text = new URLSearchParams(written);
    const answer = await api.get(`/v1/topics/${topic}/messages?${text}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json;
  };
  const bodies = ({ items }: Page) => items.map(({ body }) => body);
  const everyBody = async (topic: string, parameters: Record<string, string | number>) => {
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await query(topic, { ...parameters, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...bodies(page));
      cursor = page.nextCursor;
    }
    return seen;
  };

  describe("PROTOCOL 5.4 queries", () => {
    it("answer the messages of all queues as pull shows them, newest first", async () => {
      const topic = await createTopic(api, { queues: 3 });
      for (const body of ["a", "b", "c", "d", "e"]) await send(api, topic, { body, tag: "t", properties: { src: "web" } });
      const page = await query(topic);
      expect(page).toMatchObject({ nextCursor: null, complete: true });
      const order = page.items.map((one) => [one.storedAt, one.queueId, Number(one.offset)] as const);
      const sorted = [...order].sort(([a, b, c], [x, y, z]) => Date.parse(x) - Date.parse(a) || y - b || z - c);
      expect(order).toEqual(sorted);
      expect(bodies(page).sort()).toEqual(["a", "b", "c", "d", "e"]);
      for (const message of page.items) {
        const path = `/v1/topics/${topic}/queues/${message.queueId}/messages?limit=1&offset=${message.offset}`;
        expect((await api.get(path)).json.messages).toEqual([message]);
      }
    });

    it("find by key, in the first request after the send", async () => {
      const topic = await createTopic(api, { queues: 4 });
      for (let index = 0; index < 6; index++) {
        const { messageId } = await send(api, topic, { body: `${index}`, keys: [`order-${index}`, "every"] });
        expect((await query(topic, { key: `order-${index}` })).items).toMatchObject([{ messageId, body: `${index}` }]);
      }
      expect((await query(topic, { key: "every" })).items).toHaveLength(6);
      expect((await query(topic, { key: "order" })).items).toEqual([]);
    });

    it("find by time, by tag and by properties, and by all of them together", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const entries = Array.from({ length: 12 }, (_, n) => ({
        body: `${n}`,
        tag: "ab"[n % 2],
        keys: [`k${n % 3}`],
        properties: { n: `${n}` },
      }));
      for (const entry of entries) await send(api, topic, entry);
      const all = (await query(topic)).items;
      const newest = ["11", "10", "9", "8", "7", "6", "5", "4", "3", "2", "1", "0"];
      expect(all.map(({ body }) => body)).toEqual(newest);
      const [from, to] = [all[9]!.storedAt, all[3]!.storedAt];
      const within = all.filter(({ storedAt }) => storedAt >= from && storedAt < to).map(({ body }) => body);
      expect(bodies(await query(topic, { from, to }))).toEqual(within);
      expect(bodies(await query(topic, { from: Date.parse(from), to: Date.parse(to) }))).toEqual(within);
      expect(bodies(await query(topic, { from: to, to }))).toEqual([]);
      expect(bodies(await query(topic, { tag: "b" }))).toEqual(["11", "9", "7", "5", "3", "1"]);
      expect(bodies(await query(topic, { tag: "a || b", key: "k1" }))).toEqual(["10", "7", "4", "1"]);
      expect(bodies(await query(topic, { filter: "n BETWEEN 3 AND 5" }))).toEqual(["5", "4", "3"]);
      expect(bodies(await query(topic, { filter: "TAGS = 'a'", key: "k0", from })).every((n) => Number(n) % 6 === 0)).toBe(true);
    });

    it("go on page by page, over what is stored meanwhile", async () => {
      const topic = await createTopic(api, { queues: 2 });
      for (let index = 0; index < 7; index++) await send(api, topic, { body: `${index}`, keys: ["k"] });
      const expected = bodies(await query(topic));
      for (const parameters of [{}, { key: "k" }]) {
        const first = await query(topic, { ...parameters, limit: 3 });
        expect(bodies(first)).toEqual(expected.slice(0, 3));
        await send(api, topic, { body: "later" });
        const second = await query(topic, { ...parameters, limit: 3, cursor: first.nextCursor! });
        expect(bodies(second)).toEqual(expected.slice(3, 6));
      }
      expect(await everyBody(topic, { limit: 2, key: "k" })).toEqual(expected);
      const { nextCursor } = await query(topic, { limit: 1 });
      const others = [`key=k&cursor=${nextCursor}`, "cursor=x", `cursor=${nextCursor}x`, `cursor=${"x".repeat(2_000)}`];
      for (const other of others)
        expectProblem(await api.get(`/v1/topics/${topic}/messages?${other}`), 400, "BAD_REQUEST", "cursor");
      const elsewhere = await createTopic(api);
      expectProblem(await api.get(`/v1/topics/${elsewhere}/messages?cursor=${nextCursor}`), 400, "BAD_REQUEST", "cursor");
    });

    it("look into dead letters, and not where reading is not allowed", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      await send(api, topic, { body: "a", keys: ["k"] });
      const [received] = await receiveCount(api, group, 1);
      await settle(api, group, { deadLetters: [{ receiptHandle: received!.receiptHandle, reason: "no" }] });
      const dead = await query(`%25DLQ%25${group}`, { key: "k" });
      expect(dead.items).toMatchObject([{ body: "a", messageId: received!.messageId, properties: { DLQ_REASON: "no" } }]);
      expectProblem(await api.get(`/v1/topics/%25RETRY%25${group}%25${topic}/messages`), 400, "ILLEGAL_TOPIC");
      await api.patch(`/v1/topics/${topic}`, { perm: 2 });
      await api.changesKnown();
      expectProblem(await api.get(`/v1/topics/${topic}/messages`), 403, "FORBIDDEN");
      expectProblem(await api.get(`/v1/topics/${uniqueName("absent")}/messages`), 404, "TOPIC_NOT_FOUND");
    });

    it("refuse parameters that are none, contradict each other or pass a limit", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const wrong = ["limit=0", "limit=65", "limit=x", "key=", "tag=a&filter=TRUE", "colour=red"];
      wrong.push("from=yesterday", "to=1", "from=2026-01-02T00:00:00Z&to=2026-01-01T23:59:59Z", "prefix=a", "key=a&key=b");
      wrong.push("tag=", "filter=", "from=2026-02-30T00:00:00Z");
      for (const one of wrong) expectProblem(await api.get(`/v1/topics/${topic}/messages?${one}`), 400, "BAD_REQUEST");
      for (const one of ["filter=a%20%3E", "filter=(", "tag=a%20%7C%20b", `filter=${"a".repeat(2_049)}`])
        expectProblem(await api.get(`/v1/topics/${topic}/messages?${one}`), 400, "ILLEGAL_FILTER_EXPRESSION");
    });
  });

  describe("PROTOCOL 5.5 a message and its groups", () => {
    const get = (id: string, parameters = "") => api.get(`/v1/messages/${encodeURIComponent(id)}${parameters}`);

    it("is found by its id at once, with what each group has done with it", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const billing = await createGroup(api, [topic], { backoff: [600] });
      const other = await createGroup(api, [topic], {}, { type: "TAG", expression: "other" });
      const { messageId } = await send(api, topic, { body: "a", tag: "t", keys: ["k"], properties: { src: "web" } });
      const states = async () => {
        const answer = await get(messageId);
        expect(answer.status, answer.text).toBe(200);
        const { groups, nextCursor, complete, ...message } = answer.json;
        expect({ nextCursor, complete }).toEqual({ nextCursor: null, complete: true });
        expect([message]).toEqual((await query(topic)).items);
        return Object.fromEntries(groups.map(({ group, ...state }: { group: string }) => [group, state]));
      };
      const none = { nextAttemptAt: null, leaseExpiresAt: null };
      expect(await states()).toEqual({
        [billing]: { state: "WAITING", attempt: 0, ...none },
        [other]: { state: "PASSED_OVER", attempt: 0, ...none },
      });
      const [received] = await receiveCount(api, billing, 1);
      const held = { state: "IN_FLIGHT", attempt: 1, nextAttemptAt: null, leaseExpiresAt: received!.leaseUntil };
      expect((await states())[billing]).toEqual(held);
      await settle(api, billing, { nacks: [{ receiptHandle: received!.receiptHandle, delaySeconds: 0 }] });
      const [again] = await receiveCount(api, billing, 1);
      await settle(api, billing, { nacks: [{ receiptHandle: again!.receiptHandle }] });
      const waiting = (await states())[billing];
      expect(waiting).toMatchObject({ state: "WAITING", attempt: 2, leaseExpiresAt: null });
      expect(Date.parse(waiting.nextAttemptAt)).toBeGreaterThan(Date.now() + 300_000);
    });

    it("is settled once it is acknowledged, and once it is dead-lettered", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (const settlement of ["acks", "deadLetters"]) {
        const { messageId } = await send(api, topic, { body: "a" });
        const [received] = await receiveCount(api, group, 1);
        await settle(api, group, { [settlement]: [{ receiptHandle: received!.receiptHandle }] });
        const { groups, topic: shown } = (await get(messageId)).json;
        expect(groups).toMatchObject([{ group, state: "SETTLED", attempt: null }]);
        expect(shown).toBe(topic);
      }
    });

    it("has an id that its producer chose, or waits in vain for one", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const id = uniqueName("my/id ü?#");
      await send(api, topic, { body: "a", messageId: id });
      expect((await get(id, `?topic=${topic}`)).json).toMatchObject({ messageId: id, body: "a", topic });
      const { messageId } = await send(api, topic, { body: "b" });
      expect((await get(messageId, `?topic=${topic}`)).json).toMatchObject({ messageId, body: "b" });
      const elsewhere = await createTopic(api);
      expectProblem(await get(messageId, `?topic=${elsewhere}`), 404, "MESSAGE_NOT_FOUND");
      for (const none of ["x", "0".repeat(32), "F".repeat(32), "x".repeat(1_000), messageId.toLowerCase()])
        expectProblem(await get(none, `?topic=${topic}`), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await get(messageId, `?topic=${uniqueName("absent")}`), 404, "TOPIC_NOT_FOUND");
      for (const wrong of ["?limit=0", "?limit=101", "?cursor=x", "?colour=red", "?prefix=a"])
        expectProblem(await get(messageId, wrong), 400, "BAD_REQUEST");
    });

    it("is not there before its time", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const { messageId } = await send(api, topic, { body: "a", delaySeconds: 3_600 });
      expectProblem(await get(messageId, `?topic=${topic}`), 404, "MESSAGE_NOT_FOUND", "delayed");
    });

    it("shows so many groups at a time", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const groups: string[] = [];
      for (let index = 0; index < 3; index++) groups.push(await createGroup(api, [topic]));
      const { messageId } = await send(api, topic, { body: "a" });
      const first = (await get(messageId, "?limit=2")).json;
      const second = (await get(messageId, `?limit=2&cursor=${first.nextCursor}`)).json;
      const shown = [...first.groups, ...second.groups].map(({ group }: { group: string }) => group);
      expect([first.groups.length, shown, second.nextCursor]).toEqual([2, groups.sort(), null]);
    });
  });

  describe("PROTOCOL 6.9 redelivery", () => {
    const redeliver = (id: string, body: object, headers: Record<string, string> = {}) =>
      api.send("POST", `/v1/messages/${encodeURIComponent(id)}/redeliver`, JSON.stringify(body), {
        headers: { "Content-Type": "application/json", ...headers },
      });

    it("brings a message to one group once more, with attempt 1", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const [group, other] = [await createGroup(api, [topic]), await createGroup(api, [topic])];
      const { messageId } = await send(api, topic, { body: "a", tag: "t", keys: ["k"], properties: { src: "web" } });
      for (const one of [group, other]) await ack(api, one, await receiveCount(api, one, 1));
      const waiting = receiveCount(api, group, 1);
      const answer = await redeliver(messageId, { group });
      expect(answer.status, answer.text).toBe(201);
      const retryTopic = `%RETRY%${group}%${topic}`;
      expect(answer.json).toEqual({ messageId, group, topic, retryTopic, queueId: 0, offset: "0", duplicate: false });
      const [again] = await waiting;
      expect(again).toMatchObject({ messageId, topic, attempt: 1, body: "a", tag: "t", keys: ["k"], properties: { src: "web" } });
      await ack(api, group, [again!]);
      await api.changesKnown();
      expect(await receive(api, other)).toEqual([]);
      expect(await receive(api, group)).toEqual([]);
      expect((await query(topic)).items).toHaveLength(1);
    });

    it("happens once for one Idempotency-Key", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      const { messageId } = await send(api, topic, { body: "a" });
      const key = { "Idempotency-Key": uniqueName("key") };
      const first = await redeliver(messageId, { group, topic }, key);
      const second = await redeliver(messageId, { group, topic }, key);
      expect([first.status, second.status, second.json]).toEqual([201, 201, first.json]);
      expect(second.headers.get("idempotency-replayed")).toBe("true");
      const another = await send(api, topic, { body: "b" });
      expect((await redeliver(another.messageId, { group, topic }, key)).json).toMatchObject({ offset: "1", duplicate: false });
      expect((await redeliver(messageId, { group })).json.offset).toBe("2");
    });

    it("is refused for what is not there, and for groups that do not read the topic", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      const stranger = await createGroup(api, []);
      const { messageId } = await send(api, topic, { body: "a" });
      expectProblem(await redeliver(messageId, { group: uniqueName("absent") }), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await redeliver("none", { group, topic }), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await redeliver(messageId, { group: stranger }), 400, "BAD_REQUEST", "not subscribed");
      expectProblem(await redeliver(messageId, { group, topic: uniqueName("absent") }), 404, "TOPIC_NOT_FOUND");
      expectProblem(await redeliver(messageId, { group, topic: `%DLQ%${group}` }), 400, "BAD_REQUEST", "redrive");
      for (const wrong of [{}, { group: 1 }, { group, topic: null }, { group, colour: "red" }, []])
        expectProblem(await redeliver(messageId, wrong), 400, "BAD_REQUEST");
      expectProblem(await redeliver(messageId, { group: "a b" }), 400, "ILLEGAL_CONSUMER_GROUP");
    });
  });
}
