import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import {
  ack,
  createGroup,
  createTopic,
  expectProblem,
  receive,
  receiveCount,
  send,
  settle,
} from "../support/http/http-fixtures.ts";

export function lagTests(api: Api): void {
  const lagOf = async (group: string) => {
    const answer = await api.get(`/v1/groups/${group}/lag`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json;
  };

  describe("PROTOCOL 3.3 lag", () => {
    it("counts what waits and what is in flight, by topic and queue", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      for (let index = 0; index < 6; index++) await send(api, topic, { body: "x" });
      expect(await lagOf(group)).toMatchObject({ group, lag: 6, inFlight: 0, nextCursor: null, complete: true });
      const [first, second] = await receiveCount(api, group, 2, { leaseSeconds: 300 });
      await ack(api, group, [first!]);
      const { topics, ...sums } = await lagOf(group);
      expect(sums).toMatchObject({ lag: 5, inFlight: 1 });
      expect(topics).toMatchObject([{ topic, lag: 5, inFlight: 1 }]);
      expect(topics[0].queues.map(({ queueId }: { queueId: number }) => queueId)).toEqual([0, 1]);
      const routes = (await api.get(`/v1/topics/${topic}/queues`)).json.items;
      for (const [queueId, queue] of topics[0].queues.entries()) {
        expect(queue).toMatchObject({ minOffset: "0", maxOffset: routes[queueId].maxOffset });
        expect(queue.lag).toBe(Number(queue.maxOffset) - Number(queue.committed) + queue.inFlight);
      }
      expect(topics[0].queues[second!.queueId].inFlight).toBe(1);
    });

    it("tells since when the oldest message is not settled", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      expect(await lagOf(group)).toMatchObject({ lag: 0, oldestUnackedAt: null, oldestUnackedAgeSeconds: null });
      await send(api, topic, { body: "0" });
      await send(api, topic, { body: "1" });
      const messages = await receiveCount(api, group, 2, { leaseSeconds: 300 });
      const before = await lagOf(group);
      expect(before).toMatchObject({ lag: 2, inFlight: 2, oldestUnackedAt: messages[0]!.storedAt });
      expect(before.oldestUnackedAgeSeconds).toBeLessThan(300);
      await ack(api, group, [messages[0]!]);
      expect((await lagOf(group)).topics[0].queues[0].oldestUnackedAt).toBe(messages[1]!.storedAt);
    });

    it("counts messages given back, and those held back for their message group", async () => {
      const topic = await createTopic(api, { queues: 1, type: "FIFO" });
      const group = await createGroup(api, [topic]);
      for (const body of ["0", "1", "2"]) await send(api, topic, { body, messageGroup: "a" });
      const [head] = await receive(api, group, { max: 1, leaseSeconds: 300 });
      expect(await lagOf(group)).toMatchObject({ lag: 3 });
      await settle(api, group, { nacks: [{ receiptHandle: head!.receiptHandle, delaySeconds: 300 }] });
      await receive(api, group);
      expect(await lagOf(group)).toMatchObject({ lag: 3, oldestUnackedAt: head!.storedAt });
    });

    it("does not count what a filter has passed over", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic], {}, { type: "TAG", expression: "wanted" });
      for (const tag of ["other", "other", "wanted"]) await send(api, topic, { body: "x", tag });
      const messages = await receiveCount(api, group, 1, { leaseSeconds: 300 });
      expect(await lagOf(group)).toMatchObject({ lag: 1, inFlight: 1 });
      await ack(api, group, messages);
      expect(await lagOf(group)).toMatchObject({ lag: 0, oldestUnackedAt: null });
    });

    it("lists the groups of a topic with filter and lag, by pages", async () => {
      const topic = await createTopic(api);
      const filter = { type: "TAG", expression: "A || B" };
      const groups = [await createGroup(api, [topic], {}, filter), await createGroup(api, [topic])].sort();
      await send(api, topic, { body: "x", tag: "A" });
      const first = (await api.get(`/v1/topics/${topic}/groups?limit=1`)).json;
      const second = (await api.get(`/v1/topics/${topic}/groups?limit=1&cursor=${first.nextCursor}`)).json;
      expect(second).toMatchObject({ nextCursor: null, complete: true });
      const items = [...first.items, ...second.items];
      expect(items.map(({ group }) => group)).toEqual(groups);
      for (const item of items) expect(item).toMatchObject({ topic, lag: 1, inFlight: 0, lagComplete: true });
      expect(items.map((item) => item.filter)).toContainEqual(filter);
      expectProblem(await api.get(`/v1/topics/${uniqueName("absent")}/groups`), 404, "TOPIC_NOT_FOUND");
    });

    it("adds the lag to lists that are asked for it", async () => {
      const topic = await createTopic(api);
      const groups = [await createGroup(api, [topic]), await createGroup(api, [topic])];
      const { offset } = await send(api, topic, { body: "x" });
      expect(offset).toBe("0");
      const shown = async (path: string) => (await api.get(path)).json.items[0];
      expect(await shown(`/v1/groups?prefix=${groups[0]}&withLag=true`)).toMatchObject({
        name: groups[0],
        lag: 1,
        lagComplete: true,
      });
      expect(await shown(`/v1/topics?prefix=${topic}&withLag=true`)).toMatchObject({ name: topic, lag: 2, inFlight: 0 });
      for (const more of ["", "&withLag=false"]) {
        expect(await shown(`/v1/topics?prefix=${topic}${more}`)).not.toHaveProperty("lag");
        expect(await shown(`/v1/groups?prefix=${groups[0]}${more}`)).not.toHaveProperty("lag");
      }
      expectProblem(await api.get("/v1/topics?withLag=yes"), 400, "BAD_REQUEST");
    });

    it("looks at a bounded number of queues for one page of a list", async () => {
      const topic = await createTopic(api, { queues: 256 });
      const prefix = uniqueName("many");
      const names = ["a", "b"].map((letter) => `${prefix}-${letter}`);
      for (const name of names) {
        await api.put(`/v1/groups/${name}`);
        await api.put(`/v1/groups/${name}/subscriptions/${topic}`, { startFrom: "earliest" });
      }
      const seen: string[] = [];
      let cursor = "";
      for (let pages = 1; ; pages++) {
        const { items, nextCursor, complete } = (await api.get(`/v1/groups?prefix=${prefix}&withLag=true${cursor}`)).json;
        for (const item of items) expect(item).toMatchObject({ lag: 0, lagComplete: true });
        seen.push(...items.map(({ name }: { name: string }) => name));
        expect(complete).toBe(nextCursor === null);
        if (nextCursor === null) {
          expect(pages).toBeGreaterThan(1);
          break;
        }
        cursor = `&cursor=${nextCursor}`;
      }
      expect(seen).toEqual(names);
    });

    it("needs the group to exist, and a cursor of its own", async () => {
      expectProblem(await api.get(`/v1/groups/${uniqueName("absent")}/lag`), 404, "CONSUMER_GROUP_NOT_FOUND");
      const group = await createGroup(api, []);
      expect(await lagOf(group)).toMatchObject({ lag: 0, inFlight: 0, topics: [] });
      expectProblem(await api.get(`/v1/groups/${group}/lag?cursor=x`), 400, "BAD_REQUEST");
    });
  });
}
