import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import {
  createGroup,
  createTopic,
  eventually,
  expectProblem,
  receive,
  receiveCount,
  send,
} from "../support/http/http-fixtures.ts";

interface CheckJson {
  readonly transactionId: string;
  readonly checkNumber: number;
  readonly topic: string;
  readonly message: { readonly body: string; readonly messageId: string };
}

const UNKNOWN_ID = "0".repeat(32);

export function transactionTests(api: Api): void {
  const transactions = (topic: string) => `/v1/topics/${topic}/transactions`;
  const prepare = async (topic: string, message: object = {}): Promise<{ transactionId: string; messageId: string }> => {
    const answer = await api.post(transactions(topic), { body: "half", producerGroup: "pay", ...message });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json).toEqual({
      transactionId: expect.any(String),
      messageId: expect.any(String),
      topic,
      duplicate: expect.any(Boolean),
    });
    return answer.json;
  };
  const end = (id: string, resolution: "commit" | "rollback", query = "") =>
    api.post(`/v1/transactions/${id}/${resolution}${query}`);
  const commit = async (id: string) => {
    const answer = await end(id, "commit");
    expect(answer.status, answer.text).toBe(200);
    return answer.json as { state: string; queueId: number; offset: string };
  };
  const checks = async (producerGroup: string, request: object = {}): Promise<CheckJson[]> => {
    const answer = await api.post(`/v1/producer-groups/${producerGroup}/checks/receive`, request);
    expect(answer.status, answer.text).toBe(200);
    return answer.json.checks;
  };
  /** A transaction topic and a group that reads it. */
  const setUp = async (settings: object = {}) => {
    const topic = await createTopic(api, { type: "TRANSACTION", ...settings });
    return { topic, group: await createGroup(api, [topic]), producerGroup: uniqueName("producers") };
  };

  describe("PROTOCOL 4.9 transactions", () => {
    it("deliver their message once it is committed, as it was sent", async () => {
      const { topic, group } = await setUp();
      const message = { body: "paid", tag: "t", keys: ["k"], properties: { a: "b" } };
      const { transactionId, messageId } = await prepare(topic, message);
      expect(messageId).toBe(transactionId);
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
      const { state, queueId, offset } = await commit(transactionId);
      expect(state).toBe("COMMITTED");
      const [received] = await receiveCount(api, group, 1);
      expect(received).toMatchObject({ ...message, messageId, queueId, offset, attempt: 1 });
      expect(await receive(api, group)).toEqual([]);
    });

    it("wake a consumer that waits when they are committed", async () => {
      const { topic, group } = await setUp();
      const { transactionId } = await prepare(topic);
      const waiting = receive(api, group, { waitSeconds: 10 });
      await commit(transactionId);
      expect((await waiting).map(({ messageId }) => messageId)).toEqual([transactionId]);
    });

    it("never deliver a message that was rolled back", async () => {
      const { topic, group } = await setUp();
      const { transactionId } = await prepare(topic);
      const answer = await end(transactionId, "rollback");
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json).toMatchObject({ transactionId, state: "ROLLED_BACK", queueId: null, offset: null });
      expect(await receive(api, group)).toEqual([]);
    });

    it("have one outcome: the same verdict again is answered alike, the other learns what it was", async () => {
      const { topic, group } = await setUp();
      const { transactionId: committed } = await prepare(topic);
      const { transactionId: rolledBack } = await prepare(topic);
      const first = await commit(committed);
      expect(await commit(committed)).toEqual(first);
      const dropped = (await end(rolledBack, "rollback")).json;
      expect((await end(rolledBack, "rollback")).json).toEqual(dropped);
      for (const query of ["", "?discarded=true"]) {
        const late = await end(committed, "rollback", query);
        expectProblem(late, 409, "TRANSACTION_ENDED", /committed/);
        expect(late.json.state).toBe("COMMITTED");
        const later = await end(rolledBack, "commit", query);
        expectProblem(later, 409, "TRANSACTION_ENDED", /rolled back/);
        expect(later.json.state).toBe("ROLLED_BACK");
      }
      expect(await receiveCount(api, group, 1)).toHaveLength(1);
      expect(await receive(api, group)).toEqual([]);
    });

    it("give the verdicts that come together one outcome", async () => {
      const { topic, group } = await setUp();
      const outcomes: string[] = [];
      for (let round = 0; round < 5; round++) {
        const { transactionId } = await prepare(topic);
        const verdicts = ["commit", "rollback", "commit", "rollback"] as const;
        const answers = await Promise.all(verdicts.map((verdict) => end(transactionId, verdict)));
        const { state } = (await api.get(`/v1/transactions/${transactionId}`)).json;
        outcomes.push(state);
        for (const [at, { status, json }] of answers.entries()) {
          expect(status).toBe((verdicts[at] === "commit") === (state === "COMMITTED") ? 200 : 409);
          expect(json.state).toBe(state);
        }
      }
      const committed = outcomes.filter((state) => state === "COMMITTED").length;
      if (committed > 0) await receiveCount(api, group, committed);
      expect(await receive(api, group)).toEqual([]);
    });

    it("belong to TRANSACTION and MIXED topics, and are not delayed", async () => {
      const { topic } = await setUp();
      const half = { body: "x", producerGroup: "pay" };
      for (const type of ["NORMAL", "FIFO", "DELAY", "PRIORITY"])
        expectProblem(
          await api.post(transactions(await createTopic(api, { type })), half),
          400,
          "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE",
        );
      for (const wrong of [{ delaySeconds: 1 }, { deliverAt: "2030-01-01T00:00:00Z" }, { messageGroup: "g" }, { priority: 0 }])
        expectProblem(await api.post(transactions(topic), { ...half, ...wrong }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
      expectProblem(await api.post(`/v1/topics/${topic}/messages`, { body: "x" }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
      expectProblem(await api.post(transactions(uniqueName("none")), half), 404, "TOPIC_NOT_FOUND");
      const readOnly = await createTopic(api, { type: "TRANSACTION", perm: 4 });
      expectProblem(await api.post(transactions(readOnly), half), 403, "FORBIDDEN");
    });

    it("say what is wrong with a half message", async () => {
      const { topic } = await setUp();
      const post = (message: object) => api.post(transactions(topic), { body: "x", producerGroup: "pay", ...message });
      for (const producerGroup of [undefined, "", "a b", "a".repeat(65), 7])
        expectProblem(await post({ producerGroup }), 400, "BAD_REQUEST", "producerGroup");
      for (const checkAfterSeconds of [0, 3_601, 1.5, "6"])
        expectProblem(await post({ checkAfterSeconds }), 400, "BAD_REQUEST", "checkAfterSeconds");
      expectProblem(await post({ colour: "red" }), 400, "BAD_REQUEST", "colour");
      expectProblem(await post({ body: "" }), 400, "MESSAGE_BODY_EMPTY");
      expectProblem(await post({ properties: { TRAN_MSG: "true" } }), 400, "ILLEGAL_MESSAGE_PROPERTY_KEY");
    });

    it("are found by their id alone", async () => {
      for (const id of [UNKNOWN_ID, "x", "0", "%20", "A".repeat(2_000)]) {
        expectProblem(await end(id, "commit"), 404, "NOT_FOUND");
        expectProblem(await end(id, "rollback"), 404, "NOT_FOUND");
        expectProblem(await api.get(`/v1/transactions/${id}`), 404, "NOT_FOUND");
      }
      expectProblem(await end(UNKNOWN_ID, "commit", "?discarded=yes"), 400, "BAD_REQUEST", "discarded");
      expectProblem(await end(UNKNOWN_ID, "commit", "?force=true"), 400, "BAD_REQUEST", "force");
    });

    it("keep a message group in its queue, in the order of the commits", async () => {
      const topic = await createTopic(api, { type: "MIXED", queues: 8 });
      const group = await createGroup(api, [topic]);
      const first = await prepare(topic, { body: "1", messageGroup: "g" });
      const second = await prepare(topic, { body: "2", messageGroup: "g" });
      const { queueId } = await commit(second.transactionId);
      expect(await commit(first.transactionId)).toMatchObject({ queueId, offset: "1" });
      expect((await receiveCount(api, group, 2)).map(({ body }) => body)).toEqual(["2", "1"]);
    });

    it("keep an id that the producer chose, and a body of any size", async () => {
      const { topic, group } = await setUp();
      const message = { messageId: uniqueName("id"), body: "large ".repeat(50_000) };
      const { transactionId, messageId } = await prepare(topic, message);
      expect(messageId).toBe(message.messageId);
      await commit(transactionId);
      expect(await receiveCount(api, group, 1)).toMatchObject([message]);
    });

    it("begin once for one dedup key or sequence, also after they ended", async () => {
      const topic = await createTopic(api, { type: "MIXED" });
      const group = await createGroup(api, [topic]);
      for (const identity of [{ dedupKey: "order-1" }, { producerId: "p", sequence: 7 }]) {
        const first = await prepare(topic, identity);
        expect(await prepare(topic, identity)).toEqual({ ...first, duplicate: true });
        await commit(first.transactionId);
        expect(await prepare(topic, identity)).toEqual({ ...first, duplicate: true });
      }
      expect(await receiveCount(api, group, 2)).toHaveLength(2);
      expect(await receive(api, group)).toEqual([]);
      await send(api, topic, { body: "plain", dedupKey: "plain" });
      const reused = await api.post(transactions(topic), { body: "half", producerGroup: "pay", dedupKey: "plain" });
      expectProblem(reused, 422, "IDEMPOTENCY_KEY_REUSED");
      const gap = await api.post(transactions(topic), { body: "half", producerGroup: "pay", producerId: "p", sequence: 9 });
      expectProblem(gap, 409, "OUT_OF_ORDER_SEQUENCE");
    });

    it("begin once for requests with one Idempotency-Key", async () => {
      const { topic } = await setUp();
      const headers = { "Idempotency-Key": uniqueName("key") };
      const post = () => api.post(transactions(topic), { body: "x", producerGroup: "pay" }, { headers });
      const first = await post();
      expect(first.status, first.text).toBe(201);
      const again = await post();
      expect(again.json).toEqual(first.json);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
    });

    it("can only be rolled back once their topic was deleted", async () => {
      const { topic } = await setUp();
      const { transactionId } = await prepare(topic);
      expect((await api.delete(`/v1/topics/${topic}`)).status).toBe(204);
      await api.changesKnown();
      expectProblem(await end(transactionId, "commit"), 404, "TOPIC_NOT_FOUND", /rolled back/);
      expect((await api.put(`/v1/topics/${topic}`, { type: "TRANSACTION" })).status).toBe(201);
      await api.changesKnown();
      expectProblem(await end(transactionId, "commit"), 404, "TOPIC_NOT_FOUND", /rolled back/);
      expect((await end(transactionId, "rollback")).json).toMatchObject({ state: "ROLLED_BACK" });
    });
  });

  describe("PROTOCOL 4.10 checks", () => {
    it("ask one producer of the group about a transaction that nobody ended", async () => {
      const { topic, group, producerGroup } = await setUp();
      const preparedAt = Date.now();
      const { transactionId } = await prepare(topic, { body: "forgotten", tag: "t", producerGroup, checkAfterSeconds: 1 });
      const received = (await Promise.all([1, 2, 3].map(() => checks(producerGroup, { waitSeconds: 4, max: 10 })))).flat();
      expect(Date.now() - preparedAt).toBeGreaterThanOrEqual(950);
      expect(received).toEqual([
        {
          transactionId,
          checkNumber: 1,
          topic,
          message: {
            messageId: transactionId,
            topic,
            tag: "t",
            keys: [],
            properties: {},
            messageGroup: null,
            bornAt: expect.any(String),
            storedAt: expect.any(String),
            body: "forgotten",
            bodyEncoding: "utf8",
          },
        },
      ]);
      const { checks: made, nextCheckAt, state } = (await api.get(`/v1/transactions/${transactionId}`)).json;
      expect({ made, state }).toEqual({ made: 1, state: "PREPARED" });
      expect(Date.parse(nextCheckAt) - Date.now()).toBeGreaterThan(15_000);
      await commit(transactionId);
      expect(await receiveCount(api, group, 1)).toMatchObject([{ body: "forgotten" }]);
    });

    it("do not ask about one that has ended", async () => {
      const { topic, producerGroup } = await setUp();
      const ended = await prepare(topic, { producerGroup, checkAfterSeconds: 1 });
      const endedLater = await prepare(topic, { producerGroup, checkAfterSeconds: 1 });
      const open = await prepare(topic, { producerGroup, checkAfterSeconds: 1 });
      await commit(ended.transactionId);
      const asked = (id: string) => async () => {
        const { checks: made } = (await api.get(`/v1/transactions/${id}`)).json;
        return made > 0 ? true : undefined;
      };
      await eventually(asked(endedLater.transactionId));
      await eventually(asked(open.transactionId));
      // Its question waits.
      await end(endedLater.transactionId, "rollback");
      const received = await checks(producerGroup, { max: 10 });
      expect(received.map(({ transactionId }) => transactionId)).toEqual([open.transactionId]);
      expect(await checks(producerGroup, { max: 10 })).toEqual([]);
    });

    it("are none for a group that nobody knows, and take 1 to 32 at once", async () => {
      const producerGroup = uniqueName("nobody");
      expect(await checks(producerGroup)).toEqual([]);
      expect(await checks(producerGroup, { waitSeconds: 1 })).toEqual([]);
      const path = `/v1/producer-groups/${producerGroup}/checks/receive`;
      for (const wrong of [{ max: 0 }, { max: 33 }, { waitSeconds: 21 }, { leaseSeconds: 1 }])
        expectProblem(await api.post(path, wrong), 400, "BAD_REQUEST");
      expectProblem(await api.post("/v1/producer-groups/a%20b/checks/receive"), 400, "BAD_REQUEST", "producer group");
    });
  });

  describe("PROTOCOL 4.11 the list of transactions", () => {
    it("shows those of a state and a producer group, in the order they began, page by page", async () => {
      const { topic, producerGroup } = await setUp();
      const ids: string[] = [];
      for (let index = 0; index < 5; index++) ids.push((await prepare(topic, { producerGroup })).transactionId);
      const place = await commit(ids[1] ?? "");
      await end(ids[3] ?? "", "rollback");
      const list = async (query: string) => {
        const found: { transactionId: string; state: string }[] = [];
        let pages = 0;
        for (let cursor = ""; ; ) {
          const answer = await api.get(`/v1/transactions?producerGroup=${producerGroup}${query}${cursor}`);
          expect(answer.status, answer.text).toBe(200);
          found.push(...answer.json.items);
          pages++;
          if (answer.json.nextCursor === null) return { found, pages };
          cursor = `&cursor=${answer.json.nextCursor}`;
        }
      };
      const idsOf = ({ found }: { found: { transactionId: string }[] }) => found.map(({ transactionId }) => transactionId);
      expect(idsOf(await list(""))).toEqual(ids);
      const paged = await list("&limit=2");
      expect(idsOf(paged)).toEqual(ids);
      expect(paged.pages).toBeGreaterThanOrEqual(3);
      expect(idsOf(await list("&status=pending"))).toEqual([ids[0], ids[2], ids[4]]);
      expect((await list("&status=committed")).found).toMatchObject([
        { transactionId: ids[1], state: "COMMITTED", queueId: place.queueId, offset: place.offset, nextCheckAt: null },
      ]);
      expect((await list("&status=rolledBack")).found).toMatchObject([{ transactionId: ids[3], state: "ROLLED_BACK", topic }]);
      expect((await list("&status=discarded")).found).toEqual([]);
      const { nextCursor } = (await api.get(`/v1/transactions?producerGroup=${producerGroup}&limit=1`)).json;
      for (const wrong of ["status=open", "limit=0", "limit=1001", "prefix=a", `cursor=${nextCursor}`, "producerGroup=a%20b"])
        expectProblem(await api.get(`/v1/transactions?${wrong}`), 400, "BAD_REQUEST");
    });
  });

  describe("PROTOCOL 4.12 producer groups", () => {
    const path = (name: string) => `/v1/producer-groups/${name}`;

    it("keep a URL and a secret, which is shown once, to the one who had it made", async () => {
      const name = uniqueName("producers");
      const created = await api.put(path(name), { url: "https://example.com/checks" });
      expect(created.status, created.text).toBe(201);
      const { secret, ...shown } = created.json;
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      const endpoint = { state: "CLOSED", failures: 0, openUntil: null, lastFailure: null, lastFailureAt: null };
      expect(shown).toMatchObject({ name, url: "https://example.com/checks", maxChecks: 15, endpoint });
      const read = await api.get(path(name));
      expect(read.json).toEqual(shown);
      expect(read.headers.get("etag")).toBe(created.headers.get("etag"));
      const changed = await api.put(path(name), { maxChecks: 3 });
      expect(changed.status).toBe(200);
      expect(changed.json).toMatchObject({ url: "https://example.com/checks", maxChecks: 3 });
      expect(changed.text + (await api.get("/v1/producer-groups?limit=1000")).text).not.toContain("whsec_");
      expect((await api.put(path(name), { secret: `whsec_${Buffer.alloc(24, 7).toString("base64")}` })).text).not.toContain(
        "whsec_",
      );
    });

    it("show no value of a URL's query, and do not take for one what they show", async () => {
      const name = uniqueName("producers");
      const created = await api.put(path(name), { url: "https://example.com/checks?token=t0ps3cret&team=a" });
      const { url } = created.json;
      expect(url).toBe("https://example.com/checks?token=REDACTED&team=REDACTED");
      const listed = await api.get(`/v1/producer-groups?prefix=${name}`);
      expect(listed.json.items).toMatchObject([{ url }]);
      const read = await api.get(path(name));
      for (const { text } of [created, listed, read]) expect(text).not.toContain("t0ps3cret");
      expectProblem(await api.put(path(name), { url, maxChecks: 3 }), 400, "BAD_REQUEST", "leave it out to keep it");
      const changed = await api.put(path(name), { maxChecks: 3 });
      expect(changed.json).toMatchObject({ url, maxChecks: 3 });
    });

    it("are changed under a condition, listed and deleted", async () => {
      const name = uniqueName("producers");
      const { headers } = await api.put(path(name));
      const etag = headers.get("etag") ?? "";
      expect((await api.put(path(name))).headers.get("etag")).toBe(etag);
      expect((await api.put(path(name), { maxChecks: 4 }, { headers: { "If-Match": etag } })).status).toBe(200);
      expectProblem(await api.put(path(name), { maxChecks: 5 }, { headers: { "If-Match": etag } }), 412, "PRECONDITION_FAILED");
      const { items } = (await api.get(`/v1/producer-groups?prefix=${name}`)).json;
      expect(items).toMatchObject([{ name, url: null, maxChecks: 4, endpoint: null }]);
      expectProblem(await api.delete(path(name), { headers: { "If-Match": etag } }), 412, "PRECONDITION_FAILED");
      expect((await api.delete(path(name))).status).toBe(204);
      expectProblem(await api.get(path(name)), 404, "NOT_FOUND");
      expectProblem(await api.delete(path(name)), 404, "NOT_FOUND");
    });

    it("refuse what cannot be called, or signs nothing", async () => {
      const name = uniqueName("producers");
      for (const url of ["http://example.com", "https://127.0.0.1/", "https://u:p@example.com", "example.com", "", 7])
        expectProblem(await api.put(path(name), { url }), 400, "BAD_REQUEST", "url");
      expectProblem(await api.put(path(name), { url: "http://example.com" }), 400, "BAD_REQUEST", "WEBHOOK_ALLOW_HTTP=true");
      const local = await api.put(path(name), { url: "https://localhost:9999/" });
      expectProblem(local, 400, "BAD_REQUEST", "WEBHOOK_ALLOW_PRIVATE=127.0.0.0/8");
      const url = "https://example.com";
      for (const secret of ["", "whsec_", "whsec_AAAA", "x".repeat(40)]) {
        const refused = await api.put(path(name), { url, secret });
        expectProblem(refused, 400, "BAD_REQUEST", "secret");
      }
      const alone = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
      const refused = await api.put(path(name), { secret: alone });
      expectProblem(refused, 400, "BAD_REQUEST", "secret");
      expect(refused.text).not.toContain(alone.slice(6));
      for (const maxChecks of [0, 101, "3"])
        expectProblem(await api.put(path(name), { maxChecks }), 400, "BAD_REQUEST", "maxChecks");
      expectProblem(await api.put(path("a%20b"), {}), 400, "BAD_REQUEST", "producer group");
      expectProblem(await api.get(path(name)), 404, "NOT_FOUND");
    });
  });
}
