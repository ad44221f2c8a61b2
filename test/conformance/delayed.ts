import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createGroup, createTopic, eventually, expectProblem, receive, receiveCount } from "../support/http/http-fixtures.ts";

interface Scheduled {
  readonly messageId: string;
  readonly deliverAt: string;
  readonly recallHandle: string;
}

/** How late a delivery may be seen: any server, under any load of this machine. */
const LATE_MS_MAX = 5_000;

export function delayedTests(api: Api): void {
  const messages = (topic: string) => `/v1/topics/${topic}/messages`;
  const scheduled = (topic: string, handle = "") => `/v1/topics/${topic}/scheduled${handle && `/${handle}`}`;
  const schedule = async (topic: string, message: object): Promise<Scheduled> => {
    const answer = await api.post(messages(topic), { body: "x", ...message });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json).toEqual({
      messageId: expect.any(String),
      topic,
      deliverAt: expect.any(String),
      recallHandle: expect.any(String),
      status: "SEND_OK",
      duplicate: false,
    });
    return answer.json;
  };
  const listed = async (topic: string): Promise<Scheduled[]> => {
    const answer = await api.get(scheduled(topic));
    expect(answer.status, answer.text).toBe(200);
    return answer.json.items;
  };

  describe("PROTOCOL 4.5 delayed messages", () => {
    it("are delivered when they are due, never earlier, as they were sent", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const message = { body: "later", tag: "t", keys: ["k"], properties: { a: "b" }, messageId: uniqueName("id") };
      const sentAt = Date.now();
      const receipt = await schedule(topic, { ...message, delaySeconds: 0.7 });
      expect(receipt.messageId).toBe(message.messageId);
      const dueMs = Date.parse(receipt.deliverAt);
      expect(dueMs - sentAt).toBeGreaterThanOrEqual(700 - 50);
      expect(await receive(api, group)).toEqual([]);
      const [received] = await receiveCount(api, group, 1);
      expect(received).toMatchObject(message);
      expect(Date.parse(received?.storedAt ?? "")).toBeGreaterThanOrEqual(dueMs);
      expect(Date.parse(received?.storedAt ?? "") - dueMs).toBeLessThan(LATE_MS_MAX);
      expect(Date.parse(received?.bornAt ?? "")).toBeLessThan(dueMs - 500);
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
    });

    it("take a delay, a level or a time, one of them", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const about = async (message: object, ms: number) => {
        const { deliverAt } = await schedule(topic, message);
        expect(Math.abs(Date.parse(deliverAt) - Date.now() - ms)).toBeLessThan(30_000);
      };
      await about({ delaySeconds: 86_400 * 365 * 9 }, 86_400_000 * 365 * 9);
      await about({ delayLevel: 18 }, 7_200_000);
      await about({ delayLevel: 5 }, 60_000);
      const deliverAt = "2033-03-03T03:03:03.033Z";
      expect((await schedule(topic, { deliverAt })).deliverAt).toBe(deliverAt);
      expect((await schedule(topic, { deliverAt: Date.parse(deliverAt) })).deliverAt).toBe(deliverAt);
      const refused = async (fields: object, code = "BAD_REQUEST") =>
        expectProblem(await api.post(messages(topic), { body: "x", ...fields }), 400, code);
      await refused({ delaySeconds: 1, delayLevel: 1 });
      await refused({ delaySeconds: "1" });
      await refused({ delayLevel: 0 });
      await refused({ delayLevel: 19 });
      await refused({ deliverAt: "soon" });
      const nextWeek = Math.floor(Date.now() / 1_000) + 7 * 86_400;
      for (const deliverAt of [nextWeek, String(nextWeek)]) {
        const answer = await api.post(messages(topic), { body: "x", deliverAt });
        expectProblem(answer, 400, "BAD_REQUEST", "Looks like seconds");
        const batch = await api.post(`${messages(topic)}/batch`, { entries: [{ body: "x", deliverAt }] });
        expect(batch.json.results[0].error.detail).toContain("Looks like seconds");
      }
      await refused({ delaySeconds: -1 }, "ILLEGAL_DELIVERY_TIME");
      await refused({ delaySeconds: 11 * 366 * 86_400 }, "ILLEGAL_DELIVERY_TIME");
      await refused({ deliverAt: "9999-01-01T00:00:00Z" }, "ILLEGAL_DELIVERY_TIME");
    });

    it("go to DELAY and MIXED topics alone, and DELAY topics take no others", async () => {
      const conflict = "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE";
      for (const type of ["NORMAL", "FIFO", "PRIORITY"]) {
        const topic = await createTopic(api, { type });
        const fields = type === "FIFO" ? { messageGroup: "g" } : {};
        expectProblem(await api.post(messages(topic), { body: "x", delaySeconds: 1, ...fields }), 400, conflict);
      }
      expectProblem(await api.post(messages(await createTopic(api, { type: "DELAY" })), { body: "x" }), 400, conflict);
      const mixed = await createTopic(api, { type: "MIXED" });
      expect((await api.post(messages(mixed), { body: "x" })).json.offset).toBe("0");
      await schedule(mixed, { delaySeconds: 60, messageGroup: "g" });
    });

    it("that are past go to their queue at once", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      for (const fields of [{ delaySeconds: 0 }, { deliverAt: "2020-01-01T00:00:00Z" }]) {
        const answer = await api.post(messages(topic), { body: "x", ...fields });
        expect(answer.json).toMatchObject({ offset: expect.any(String), queueId: expect.any(Number) });
        expect(answer.json).not.toHaveProperty("recallHandle");
      }
    });

    it("are sent in batches, beside others", async () => {
      const topic = await createTopic(api, { type: "MIXED", queues: 1 });
      const group = await createGroup(api, [topic]);
      const entries = [
        { body: "now" },
        { body: "b", delaySeconds: 0.6 },
        { body: "a", delaySeconds: 0.3 },
        { body: "bad", delaySeconds: -1 },
      ];
      const { results } = (await api.post(`${messages(topic)}/batch`, { entries })).json;
      expect(results).toMatchObject([
        { offset: "0" },
        { recallHandle: expect.any(String) },
        { recallHandle: expect.any(String) },
        { status: "error", error: { code: "ILLEGAL_DELIVERY_TIME" } },
      ]);
      expect((await receiveCount(api, group, 3)).map(({ body }) => body).sort()).toEqual(["a", "b", "now"]);
    });

    it("of a message group come in the order of their due times, those due at once as they were sent", async () => {
      const topic = await createTopic(api, { type: "MIXED" });
      const group = await createGroup(api, [topic], { ordered: true });
      const deliverAt = Date.now() + 1_000;
      const entry = (body: string, ms: number) => ({ body, messageGroup: "g", deliverAt: deliverAt + ms });
      const entries = [entry("d", 300), entry("a", 0), entry("b", 0), entry("c", 0)];
      await api.post(`${messages(topic)}/batch`, { entries });
      const bodies: string[] = [];
      while (bodies.length < 4) {
        const received = await receiveCount(api, group, 1);
        bodies.push(...received.map(({ body }) => body));
        await api.post(`/v1/groups/${group}/ack`, { receiptHandles: received.map(({ receiptHandle }) => receiptHandle) });
      }
      expect(bodies).toEqual(["a", "b", "c", "d"]);
    });

    it("may be large", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const body = "0123456789".repeat(30_000);
      await schedule(topic, { body, delaySeconds: 0.2 });
      const [received] = await receiveCount(api, group, 1);
      expect(received?.body === body).toBe(true);
    });

    it("are published with headers", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const publish = (headers: Record<string, string>) => api.send("POST", `/v1/topics/${topic}/publish`, "x", { headers });
      expect((await publish({ "X-MQ-Delay": "60" })).json.deliverAt).toEqual(expect.any(String));
      expect((await publish({ "X-MQ-Deliver-At": "2033-01-01T00:00:00Z" })).json.deliverAt).toBe("2033-01-01T00:00:00.000Z");
      expectProblem(await publish({ "X-MQ-Delay": "soon" }), 400, "BAD_REQUEST");
      expectProblem(await publish({ "X-MQ-Deliver-At": "1990000000" }), 400, "BAD_REQUEST", "Looks like seconds");
      expectProblem(await publish({ "X-MQ-Delay": "1", "X-MQ-Deliver-At": "2033-01-01T00:00:00Z" }), 400, "BAD_REQUEST");
    });
  });

  describe("PROTOCOL 4.6 cancelling and rescheduling", () => {
    it("lists what waits, by due time", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const later = await schedule(topic, { delaySeconds: 7_200 });
      const sooner = await schedule(topic, { delaySeconds: 3_600 });
      const show = ({ messageId, deliverAt, recallHandle }: Scheduled) => ({ messageId, deliverAt, recallHandle });
      expect((await listed(topic)).map(show)).toEqual([sooner, later].map(show));
      // Others' delayed messages lie between: a page may end before it is full.
      const found: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const page: { items: Scheduled[]; nextCursor: string | null } = (
          await api.get(`${scheduled(topic)}?limit=1${cursor && `&cursor=${cursor}`}`)
        ).json;
        expect(page.items.length).toBeLessThanOrEqual(1);
        found.push(...page.items.map(({ messageId }) => messageId));
        cursor = page.nextCursor;
      }
      expect(found).toEqual([sooner.messageId, later.messageId]);
    });

    it("cancels, also when it is asked again", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const { recallHandle } = await schedule(topic, { delaySeconds: 2 });
      await schedule(topic, { body: "other", delaySeconds: 2 });
      for (let times = 0; times < 2; times++) expect((await api.delete(scheduled(topic, recallHandle))).status).toBe(204);
      expect(await listed(topic)).toHaveLength(1);
      const again = await api.patch(scheduled(topic, recallHandle), { deliverAt: Date.now() + 60_000 });
      expectProblem(again, 404, "MESSAGE_NOT_FOUND");
      expect((await receiveCount(api, group, 1)).map(({ body }) => body)).toEqual(["other"]);
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
    });

    it("free their dedup key when they are cancelled, and not before", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const dedupKey = "reminder/42";
      const { recallHandle } = await schedule(topic, { body: "first", delaySeconds: 60, dedupKey });
      const repeated = (await api.post(messages(topic), { body: "repeat", delaySeconds: 60, dedupKey })).json;
      expect(repeated).toMatchObject({ duplicate: true, recallHandle });
      expect((await api.delete(scheduled(topic, recallHandle))).status).toBe(204);
      await schedule(topic, { body: "second", delaySeconds: 1, dedupKey });
      expect((await api.delete(scheduled(topic, recallHandle))).status).toBe(204);
      expect((await receiveCount(api, group, 1)).map(({ body }) => body)).toEqual(["second"]);
      expect((await api.post(messages(topic), { body: "third", delaySeconds: 1, dedupKey })).json).toMatchObject({
        duplicate: true,
      });
    });

    it("reschedules; handles given out before go on working", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const first = await schedule(topic, { delaySeconds: 3_600 });
      const deliverAt = "2033-03-03T03:03:03.000Z";
      const moved = await api.patch(scheduled(topic, first.recallHandle), { deliverAt });
      expect(moved.status, moved.text).toBe(200);
      expect(moved.json).toEqual({ deliverAt, recallHandle: expect.any(String) });
      expect(await listed(topic)).toMatchObject([{ messageId: first.messageId, deliverAt }]);
      const back = await api.patch(scheduled(topic, first.recallHandle), { deliverAt: Date.now() + 500 });
      expect(back.status, back.text).toBe(200);
      const [received] = await receiveCount(api, group, 1);
      expect(received?.messageId).toBe(first.messageId);
      for (const handle of [first.recallHandle, moved.json.recallHandle, back.json.recallHandle]) {
        expectProblem(await api.delete(scheduled(topic, handle)), 409, "ALREADY_DELIVERED");
        expectProblem(await api.patch(scheduled(topic, handle), { deliverAt }), 409, "ALREADY_DELIVERED");
      }
      expect(await receive(api, group, { waitSeconds: 1 })).toEqual([]);
    });

    it("delivers at once what is moved to the past", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const { recallHandle } = await schedule(topic, { delaySeconds: 3_600 });
      expect((await api.patch(scheduled(topic, recallHandle), { deliverAt: "2020-01-01T00:00:00Z" })).status).toBe(200);
      expect(await receiveCount(api, group, 1)).toHaveLength(1);
    });

    it("moves back to a time it had before", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const first = await schedule(topic, { deliverAt: "2033-01-01T00:00:00Z" });
      const to = async (deliverAt: string) =>
        (await api.patch(scheduled(topic, first.recallHandle), { deliverAt })).json.deliverAt;
      expect(await to("2034-01-01T00:00:00.000Z")).toBe("2034-01-01T00:00:00.000Z");
      expect(Date.parse(await to("2033-01-01T00:00:00.000Z")) - Date.parse("2033-01-01T00:00:00Z")).toBeLessThan(10);
      expect(await listed(topic)).toHaveLength(1);
    });

    it("cancel and delivery exclude each other", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [topic]);
      const deliverAt = Date.now() + 1_500;
      const entries = Array.from({ length: 40 }, (_, at) => ({ body: String(at), deliverAt: deliverAt + at }));
      const { results } = (await api.post(`${messages(topic)}/batch`, { entries })).json as { results: Scheduled[] };
      await new Promise((resolve) => setTimeout(resolve, deliverAt - Date.now() - 10));
      const answers = await Promise.all(results.map(({ recallHandle }) => api.delete(scheduled(topic, recallHandle))));
      const kept = answers.flatMap(({ status }, at) => (status === 204 ? [] : [String(at)]));
      for (const { status } of answers) expect([204, 409]).toContain(status);
      const received = kept.length === 0 ? [] : await receiveCount(api, group, kept.length);
      received.push(...(await receive(api, group, { waitSeconds: 1, max: 32 })));
      expect(received.map(({ body }) => body).sort()).toEqual(kept.sort());
    });

    it("refuses handles that are not this topic's", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const { recallHandle } = await schedule(topic, { delaySeconds: 3_600 });
      const other = await createTopic(api, { type: "DELAY" });
      for (const handle of [recallHandle.slice(0, -2), `A${recallHandle}`, "x"])
        expectProblem(await api.delete(scheduled(topic, handle)), 400, "BAD_REQUEST", /recall handle/);
      expectProblem(await api.delete(scheduled(other, recallHandle)), 400, "BAD_REQUEST", /recall handle/);
      expectProblem(await api.delete(scheduled(uniqueName("none"), recallHandle)), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.patch(scheduled(topic, recallHandle), { deliverAt: "soon" }), 400, "BAD_REQUEST");
      const seconds = await api.patch(scheduled(topic, recallHandle), { deliverAt: 1_990_000_000 });
      expectProblem(seconds, 400, "BAD_REQUEST", "Looks like seconds");
      expectProblem(
        await api.patch(scheduled(topic, recallHandle), { deliverAt: "9999-01-01T00:00:00Z" }),
        400,
        "ILLEGAL_DELIVERY_TIME",
      );
    });

    it("parks what cannot be delivered, and delivers the rest", async () => {
      const topic = await createTopic(api, { type: "DELAY" });
      const other = await createTopic(api, { type: "DELAY" });
      const group = await createGroup(api, [other]);
      // Far enough away that the topic is deleted before, however slow the server is.
      const deliverAt = Date.now() + 8_000;
      const { messageId } = await schedule(topic, { deliverAt });
      await schedule(other, { deliverAt: deliverAt + 10 });
      expect((await api.delete(`/v1/topics/${topic}`)).status).toBe(204);
      expect(await receiveCount(api, group, 1)).toHaveLength(1);
      const parked = await eventually(async () => {
        for (let cursor: string | null = ""; cursor !== null; ) {
          const page: { items: { id: string; messageId: string }[]; nextCursor: string | null } = (
            await api.get(`/v1/scheduled/parked?limit=100${cursor && `&cursor=${cursor}`}`)
          ).json;
          const found = page.items.find((item) => item.messageId === messageId);
          if (found) return found;
          cursor = page.nextCursor;
        }
        return undefined;
      });
      expect(parked).toMatchObject({
        topic,
        reason: expect.stringContaining("deleted"),
        deliverAt: new Date(deliverAt).toISOString(),
      });
      expect((await api.delete(`/v1/scheduled/parked/${parked.id}`)).status).toBe(204);
      expectProblem(await api.delete(`/v1/scheduled/parked/${parked.id}`), 404, "MESSAGE_NOT_FOUND");
    });
  });
}
