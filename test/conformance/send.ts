import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createGroup, createTopic, eventually, expectProblem, receiveCount, send } from "../support/http/http-fixtures.ts";

const MIB = 1_024 * 1_024;
const hash = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

export function sendTests(api: Api): void {
  const pullOne = async (topic: string, queueId: number, offset: string) =>
    (await api.get(`/v1/topics/${topic}/queues/${queueId}/messages?offset=${offset}&limit=1`)).json.messages[0];

  describe("PROTOCOL 4.1 send one", () => {
    it("stores a message with everything it carries", async () => {
      const topic = await createTopic(api);
      const message = {
        body: '{"id":1}',
        bodyEncoding: "utf8",
        tag: "created",
        keys: ["1", "k-2"],
        properties: { src: "web", ü: "日本" },
      };
      const answer = await api.post(`/v1/topics/${topic}/messages`, message);
      expect(answer.status).toBe(201);
      expect(answer.headers.get("content-type")).toBe("application/json");
      const receipt = answer.json;
      expect(receipt).toEqual({
        messageId: expect.any(String),
        topic,
        queueId: expect.any(Number),
        offset: expect.stringMatching(/^\d+$/),
        status: "SEND_OK",
        duplicate: false,
      });
      const stored = await pullOne(topic, receipt.queueId, receipt.offset);
      expect(stored).toMatchObject({
        messageId: receipt.messageId,
        topic,
        queueId: receipt.queueId,
        offset: receipt.offset,
        body: '{"id":1}',
        bodyEncoding: "utf8",
        tag: "created",
        keys: ["1", "k-2"],
        properties: { src: "web", ü: "日本" },
        messageGroup: null,
      });
      expect(Math.abs(Date.parse(stored.storedAt) - Date.now())).toBeLessThan(60_000);
    });

    it("fills what is absent", async () => {
      const topic = await createTopic(api);
      const receipt = await send(api, topic, { body: "x" });
      expect(await pullOne(topic, receipt.queueId, receipt.offset)).toMatchObject({
        tag: null,
        keys: [],
        properties: {},
        messageGroup: null,
      });
    });

    it("gives each queue dense offsets from 0", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const offsets: string[] = [];
      for (let index = 0; index < 5; index++) offsets.push((await send(api, topic, { body: `m${index}` })).offset);
      expect(offsets).toEqual(["0", "1", "2", "3", "4"]);
    });

    it("gives concurrent sends dense offsets too", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const receipts = await Promise.all(Array.from({ length: 40 }, (_, index) => send(api, topic, { body: `m${index}` })));
      const offsets = receipts.map(({ offset }) => Number(offset)).sort((a, b) => a - b);
      expect(offsets).toEqual(Array.from({ length: 40 }, (_, index) => index));
      expect(new Set(receipts.map(({ messageId }) => messageId)).size).toBe(40);
    });

    it("uses all queues of a topic, sooner or later", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const entries = Array.from({ length: 100 }, (_, index) => ({ body: `m${index}` }));
      for (let round = 0; round < 3; round++) await api.post(`/v1/topics/${topic}/messages/batch`, { entries });
      // A server may stay with a queue while it is in use, and choose any after a pause.
      await eventually(async () => {
        await send(api, topic, { body: "x" });
        const { items } = (await api.get(`/v1/topics/${topic}/queues`)).json as { items: { maxOffset: string }[] };
        if (items.every(({ maxOffset }) => Number(maxOffset) > 0)) return true;
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        return undefined;
      }, 25_000);
    });

    it("round-trips binary bodies as base64", async () => {
      const topic = await createTopic(api);
      const bytes = Buffer.from([0, 255, 254, 128, 10, 13, 0, 192, 193]);
      for (const body of [bytes.toString("base64"), bytes.toString("base64").replaceAll("=", "")]) {
        const receipt = await send(api, topic, { body, bodyEncoding: "base64" });
        const stored = await pullOne(topic, receipt.queueId, receipt.offset);
        expect(stored.bodyEncoding).toBe("base64");
        expect(Buffer.from(stored.body, "base64")).toEqual(bytes);
      }
    });

    it("labels a base64 body that is text as utf8", async () => {
      const topic = await createTopic(api);
      const receipt = await send(api, topic, { body: Buffer.from("日本 text").toString("base64"), bodyEncoding: "base64" });
      expect(await pullOne(topic, receipt.queueId, receipt.offset)).toMatchObject({ body: "日本 text", bodyEncoding: "utf8" });
    });

    it("stores any JSON value as its serialization", async () => {
      const topic = await createTopic(api);
      for (const value of [{ a: [1, 2.5, null, true, "x"], nested: { b: {} } }, [], "text", 0, false, null]) {
        const receipt = await send(api, topic, { body: value, bodyEncoding: "json" });
        const stored = await pullOne(topic, receipt.queueId, receipt.offset);
        expect(stored.bodyEncoding).toBe("utf8");
        expect(JSON.parse(stored.body)).toEqual(value);
      }
    });

    it("refuses a JSON number that would be stored as another", async () => {
      const topic = await createTopic(api);
      for (const number of ["12345678901234567890", "1e400", '{"a":[9007199254740993]}']) {
        const body = `{"bodyEncoding":"json","body":${number}}`;
        const answer = await api.send("POST", `/v1/topics/${topic}/messages`, body, {
          headers: { "Content-Type": "application/json" },
        });
        expectProblem(answer, 400, "BAD_REQUEST");
      }
    });

    it("keeps unusual text exactly", async () => {
      const topic = await createTopic(api);
      for (const body of ["\u0000\u0001", " ", "\ufeffbom", "😀", "\u2028", "a\r\nb", '"\\', "x".repeat(70_000)]) {
        const receipt = await send(api, topic, { body });
        expect((await pullOne(topic, receipt.queueId, receipt.offset)).body).toBe(body);
      }
    });

    it("round-trips a body of 4 MiB and refuses one byte more", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const bytes = randomBytes(4 * MIB);
      const receipt = await send(api, topic, { body: bytes.toString("base64"), bodyEncoding: "base64" });
      const stored = await pullOne(topic, receipt.queueId, receipt.offset);
      expect(hash(Buffer.from(stored.body, "base64"))).toBe(hash(bytes));
      const group = await createGroup(api, [topic]);
      const [received] = await receiveCount(api, group, 1);
      expect(hash(Buffer.from(received!.body, "base64"))).toBe(hash(bytes));
      const more = Buffer.concat([bytes, Buffer.alloc(1)]).toString("base64");
      const answer = await api.post(`/v1/topics/${topic}/messages`, { body: more, bodyEncoding: "base64" });
      expectProblem(answer, 413, "MESSAGE_BODY_TOO_LARGE");
    });

    it("round-trips bodies around the sizes at which storage changes", async () => {
      const topic = await createTopic(api, { queues: 1 });
      for (const size of [1, 1_023, 10_000, 10_240, 10_241, 65_536, 300_000]) {
        const body = randomBytes(size).toString("hex").slice(0, size);
        const receipt = await send(api, topic, { body });
        expect(hash((await pullOne(topic, 0, receipt.offset)).body)).toBe(hash(body));
      }
    });

    it("refuses an empty body", async () => {
      const topic = await createTopic(api);
      const path = `/v1/topics/${topic}/messages`;
      expectProblem(await api.post(path, { body: "" }), 400, "MESSAGE_BODY_EMPTY");
      expectProblem(await api.post(path, { body: "", bodyEncoding: "base64" }), 400, "MESSAGE_BODY_EMPTY");
      expectProblem(await api.post(path, {}), 400, "BAD_REQUEST");
    });

    it("refuses fields that are none, or are not what they should be", async () => {
      const topic = await createTopic(api);
      const wrong: [object, string][] = [
        [{ body: 1 }, "/body"],
        [{ body: { a: 1 } }, "/body"],
        [{ body: "x", bodyEncoding: "hex" }, "/bodyEncoding"],
        [{ body: "a_-b", bodyEncoding: "base64" }, "/body"],
        [{ body: "abc=d", bodyEncoding: "base64" }, "/body"],
        [{ body: "abcde", bodyEncoding: "base64" }, "/body"],
        [{ body: "abc==", bodyEncoding: "base64" }, "/body"],
        [{ body: "ab\nc", bodyEncoding: "base64" }, "/body"],
        [{ body: "x", tag: "t".repeat(16 * 1_024 + 1) }, "/tag"],
        [{ body: "x", tag: 1 }, "/tag"],
        [{ body: "x", keys: "k" }, "/keys"],
        [{ body: "x", keys: Array.from({ length: 129 }, () => "k") }, "/keys"],
        [{ body: "x", properties: { a: 1 } }, "/properties/a"],
        [{ body: "x", properties: ["a"] }, "/properties"],
        [{ body: "x", priority: -1 }, "/priority"],
        [{ body: "x", priority: 0.5 }, "/priority"],
        [{ body: "x", colour: "red" }, "/colour"],
        [{ body: "x", "a/b~c": 1 }, "/a~1b~0c"],
      ];
      for (const [message, field] of wrong) {
        const answer = await api.post(`/v1/topics/${topic}/messages`, message);
        expectProblem(answer, 400, "BAD_REQUEST");
        expect(answer.json.errors.map((error: { field: string }) => error.field)).toEqual([field]);
      }
    });

    it("refuses a tag that no filter can name, by every way of sending", async () => {
      const topic = await createTopic(api, { type: "MIXED" });
      const path = `/v1/topics/${topic}/messages`;
      for (const tag of ["trail ", " lead", "a|b", "||", "*", " "]) {
        expectProblem(await api.post(path, { body: "x", tag }), 400, "BAD_REQUEST", "A tag may not");
        const { results } = (await api.post(`${path}/batch`, { entries: [{ body: "x", tag }] })).json;
        expect(results).toMatchObject([{ status: "error", error: { code: "BAD_REQUEST" } }]);
        const half = await api.post(`/v1/topics/${topic}/transactions`, { body: "x", tag, producerGroup: "p" });
        expectProblem(half, 400, "BAD_REQUEST", "A tag may not");
      }
      for (const tag of ["a|b", "*"]) {
        const answer = await api.send("POST", `/v1/topics/${topic}/publish`, "x", { headers: { "X-MQ-Tag": tag } });
        expectProblem(answer, 400, "BAD_REQUEST", "A tag may not");
      }
      for (const tag of ["in side", "\u00a0x", "**", "a,b"]) expect((await api.post(path, { body: "x", tag })).status).toBe(201);
    });

    it("names the types of topic that take what this one does not", async () => {
      const path = `/v1/topics/${await createTopic(api)}`;
      const refused = async (route: string, fields: object, types: string) =>
        expectProblem(await api.post(path + route, { body: "x", ...fields }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE", types);
      await refused("/messages", { messageGroup: "g" }, "FIFO or MIXED topics");
      await refused("/messages", { delaySeconds: 1 }, "DELAY or MIXED topics");
      await refused("/messages", { priority: 1 }, "PRIORITY or MIXED topics");
      await refused("/transactions", { producerGroup: "p" }, "TRANSACTION or MIXED topics");
    });

    it("refuses properties that RocketMQ reserves, or that hold control characters", async () => {
      const path = `/v1/topics/${await createTopic(api)}/messages`;
      for (const properties of [{ TAGS: "x" }, { KEYS: "x" }, { "a\u0001": "x" }, { a: "x\u0002" }]) {
        expectProblem(await api.post(path, { body: "x", properties }), 400, "ILLEGAL_MESSAGE_PROPERTY_KEY");
      }
    });

    it("refuses too many properties, or too large ones, with 413", async () => {
      const path = `/v1/topics/${await createTopic(api)}/messages`;
      const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`p${index}`, "x"]));
      expectProblem(await api.post(path, { body: "x", properties: many }), 413, "MESSAGE_PROPERTIES_TOO_LARGE");
      const large = { p: "x".repeat(16 * 1_024 + 1) };
      expectProblem(await api.post(path, { body: "x", properties: large }), 413, "MESSAGE_PROPERTIES_TOO_LARGE");
    });

    it("refuses what the type of the topic does not have", async () => {
      const normal = await createTopic(api);
      const path = `/v1/topics/${normal}/messages`;
      expectProblem(await api.post(path, { body: "x", messageGroup: "g" }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
      expectProblem(await api.post(path, { body: "x", priority: 1 }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
    });

    it("keeps a message group of a FIFO topic in one queue, and needs one", async () => {
      const topic = await createTopic(api, { type: "FIFO", queues: 8 });
      const receipts: Awaited<ReturnType<typeof send>>[] = [];
      for (let index = 0; index < 10; index++)
        receipts.push(await send(api, topic, { body: `m${index}`, messageGroup: "order-1" }));
      expect(new Set(receipts.map(({ queueId }) => queueId)).size).toBe(1);
      expect(receipts.map(({ offset }) => Number(offset))).toEqual(Array.from({ length: 10 }, (_, index) => index));
      const answer = await api.post(`/v1/topics/${topic}/messages`, { body: "x" });
      expectProblem(answer, 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
    });

    it("takes as many keys and properties as are allowed, and finds the message by each key", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const keys = Array.from({ length: 128 }, (_, index) => `key-${index}`);
      const properties = Object.fromEntries(
        Array.from({ length: 128 }, (_, index) => [`name.${index}-é`, `value ${index} {"a": "ü"}`]),
      );
      const { messageId } = await send(api, topic, { body: "x", keys, properties });
      expect((await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`)).json.messages).toMatchObject([
        { keys, properties },
      ]);
      for (const key of [keys[0], keys[127]])
        expect((await api.get(`/v1/topics/${topic}/messages?key=${key}`)).json.items).toMatchObject([{ messageId }]);
      for (const key of ["a b", "a\tb"])
        expectProblem(await api.post(`/v1/topics/${topic}/messages`, { body: "x", keys: [key] }), 400, "BAD_REQUEST");
      const large = await createTopic(api);
      await send(api, large, { body: "x", properties: { large: "v".repeat(16 * 1_024 - 5) } });
    });

    it("puts a priority into its own queue", async () => {
      const topic = await createTopic(api, { type: "PRIORITY", queues: 3 });
      for (const priority of [0, 2, 1]) expect((await send(api, topic, { body: "x", priority })).queueId).toBe(priority);
      for (const priority of [3, 255, 2 ** 31 - 1])
        expect((await send(api, topic, { body: `${priority}`, priority })).queueId).toBe(2);
      const stored = await api.get(`/v1/topics/${topic}/queues/2/messages?offset=1`);
      expect(stored.json.messages).toMatchObject([{ priority: 3 }, { priority: 255 }, { priority: 2 ** 31 - 1 }]);
    });
  });

  describe("PROTOCOL 4.2 send a batch", () => {
    it("answers one receipt per entry, in order", async () => {
      const topic = await createTopic(api);
      const entries = Array.from({ length: 100 }, (_, index) => ({ body: `m${index}`, keys: [`${index}`] }));
      const answer = await api.post(`/v1/topics/${topic}/messages/batch`, { entries });
      expect(answer.status).toBe(200);
      const { results } = answer.json;
      expect(results).toHaveLength(100);
      for (const [index, result] of results.entries()) {
        expect(result).toMatchObject({ status: "SEND_OK", topic, duplicate: false });
        if (index % 25 === 0) expect((await pullOne(topic, result.queueId, result.offset)).body).toBe(`m${index}`);
      }
    });

    it("keeps the order of its entries inside each queue, inline or large", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const bodies = Array.from(
        { length: 20 },
        (_, index) => `${String(index).padStart(2, "0")}${"x".repeat(index % 3 === 0 ? 30_000 : 10)}`,
      );
      const answer = await api.post(`/v1/topics/${topic}/messages/batch`, { entries: bodies.map((body) => ({ body })) });
      const byQueue = new Map<number, number[]>();
      for (const { queueId, offset } of answer.json.results)
        byQueue.set(queueId, [...(byQueue.get(queueId) ?? []), Number(offset)]);
      for (const [queueId, offsets] of byQueue) {
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
        const pulled = await api.get(`/v1/topics/${topic}/queues/${queueId}/messages?offset=0`);
        const numbers = pulled.json.messages.map((message: { body: string }) => Number(message.body.slice(0, 2)));
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      }
    });

    it("fails wrong entries alone", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const entries = [
        { body: "good 1" },
        { body: "" },
        { body: "x", colour: "red" },
        "text",
        { body: "x", messageGroup: "g" },
        { body: "good 2" },
      ];
      const answer = await api.post(`/v1/topics/${topic}/messages/batch`, { entries });
      expect(answer.status).toBe(200);
      const { results } = answer.json;
      expect(results.map((result: { status: string }) => result.status)).toEqual([
        "SEND_OK",
        "error",
        "error",
        "error",
        "error",
        "SEND_OK",
      ]);
      const codes = results.map((result: { error?: { code: string } }) => result.error?.code);
      const conflict = "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE";
      expect(codes).toEqual([undefined, "MESSAGE_BODY_EMPTY", "BAD_REQUEST", "BAD_REQUEST", conflict, undefined]);
      for (const index of [1, 2, 3, 4])
        expect(results[index].error).toMatchObject({ detail: expect.any(String), retryable: false, effect: "none" });
      const pulled = await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`);
      expect(pulled.json.messages.map((message: { body: string }) => message.body)).toEqual(["good 1", "good 2"]);
    });

    it("refuses an envelope that is none", async () => {
      const path = `/v1/topics/${await createTopic(api)}/messages/batch`;
      const entry = { body: "x" };
      for (const envelope of [
        {},
        { entries: [] },
        { entries: {} },
        { entries: Array(101).fill(entry) },
        { entries: [entry], mode: 1 },
        [],
      ]) {
        expectProblem(await api.post(path, envelope), 400, "BAD_REQUEST");
      }
    });

    it("answers 404 for an unknown topic, even when every entry is wrong", async () => {
      const path = `/v1/topics/${uniqueName("absent")}/messages/batch`;
      expectProblem(await api.post(path, { entries: [{ body: "x" }] }), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.post(path, { entries: [{}] }), 404, "TOPIC_NOT_FOUND");
    });

    it("refuses more than 4 MiB of bodies with 413", async () => {
      const path = `/v1/topics/${await createTopic(api)}/messages/batch`;
      const entries = Array.from({ length: 5 }, () => ({ body: "x".repeat(MIB) }));
      expectProblem(await api.post(path, { entries }), 413, "MESSAGE_BODY_TOO_LARGE");
    });
  });
}
