import { describe, expect, it } from "vitest";
import {
  type MessageQueue,
  Permission,
  QueryOffsetPolicy,
} from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { timestampOf } from "../../../functions/grpc/times.ts";
import { resource, send, tagFilter } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const queueOf = (topic: string, id = 0): MessageQueue => ({
  topic: resource(topic),
  id,
  permission: Permission.READ_WRITE,
  broker: undefined,
  acceptMessageTypes: [],
});

export function pullTests(grpc: Surroundings): void {
  /** A topic of one queue with so many messages, and a group that reads it. */
  async function filled(count: number) {
    const client = grpc.client();
    const [topic, group] = await Promise.all([grpc.topic({ queues: 1 }), grpc.group()]);
    await grpc.api.put(`/v1/groups/${group}/subscriptions/${topic}`, { startFrom: "earliest" });
    for (let at = 0; at < count; at++) await send(client, topic, { body: `m${at}`, tag: at % 2 === 0 ? "even" : "odd" });
    const pull = (offset: number, more: object = {}) =>
      client.pull({
        group: resource(group),
        messageQueue: queueOf(topic),
        offset,
        batchSize: 32,
        filterExpression: undefined,
        longPollingTimeout: undefined,
        ...more,
      });
    const update = (offset: number) =>
      client.call("updateOffset", { group: resource(group), messageQueue: queueOf(topic), offset });
    const get = () => client.call("getOffset", { group: resource(group), messageQueue: queueOf(topic) });
    return { client, topic, group, pull, update, get };
  }

  describe.concurrent("PullMessage", () => {
    it("reads from an offset, and says where to go on", async () => {
      const { pull } = await filled(3);
      const read = await pull(1);
      expect(read).toMatchObject({ code: 20_000, nextOffset: 3, bodies: ["m1", "m2"] });
      expect(await pull(0, { batchSize: 1 })).toMatchObject({ bodies: ["m0"], nextOffset: 1 });
    });

    it("passes over what the filter does not name", async () => {
      const { pull } = await filled(4);
      expect(await pull(0, { filterExpression: tagFilter("odd") })).toMatchObject({ bodies: ["m1", "m3"], nextOffset: 4 });
    });

    it("waits for a message at the end, and says that there is none", async () => {
      const { client, topic, pull } = await filled(1);
      const startedAtMs = Date.now();
      expect(await pull(1, { longPollingTimeout: { seconds: 1, nanos: 0 } })).toMatchObject({
        code: 40_401,
        bodies: [],
        nextOffset: 1,
      });
      expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(900);
      const waiting = pull(1, { longPollingTimeout: { seconds: 15, nanos: 0 } });
      await send(client, topic, { body: "come" });
      expect(await waiting).toMatchObject({ code: 20_000, bodies: ["come"], nextOffset: 2 });
    });

    it("refuses an offset that the queue does not have, and a queue that there is not", async () => {
      const { pull, topic } = await filled(1);
      expect(await pull(7)).toMatchObject({ code: 40_019, bodies: [] });
      expect((await pull(0, { messageQueue: queueOf(topic, -1) })).code).toBe(40_000);
      expect((await pull(0, { messageQueue: queueOf("no-such-topic") })).code).toBe(40_402);
    });
  });

  describe.concurrent("QueryOffset", () => {
    it("finds the beginning, the end, and a time", async () => {
      const { client, topic } = await filled(2);
      const query = (queryOffsetPolicy: QueryOffsetPolicy, timestampMs?: number) =>
        client.call("queryOffset", {
          messageQueue: queueOf(topic),
          queryOffsetPolicy,
          timestamp: timestampMs === undefined ? undefined : timestampOf(timestampMs),
        });
      expect(await query(QueryOffsetPolicy.BEGINNING)).toMatchObject({ status: { code: 20_000 }, offset: 0 });
      expect(await query(QueryOffsetPolicy.END)).toMatchObject({ status: { code: 20_000 }, offset: 2 });
      expect(await query(QueryOffsetPolicy.TIMESTAMP, 1_000)).toMatchObject({ offset: 0 });
      expect(await query(QueryOffsetPolicy.TIMESTAMP, Date.now() + 3_600_000)).toMatchObject({ offset: 2 });
      expect((await query(QueryOffsetPolicy.TIMESTAMP)).status?.code).toBe(40_000);
    });
  });

  describe.concurrent("UpdateOffset and GetOffset", () => {
    it("keep how far a group has come, where receives go on, and never go back by themselves", async () => {
      const { update, get } = await filled(3);
      expect(await get()).toMatchObject({ status: { code: 20_000 }, offset: 0 });
      for (let times = 0; times < 2; times++) expect((await update(2)).status?.code).toBe(20_000);
      expect(await get()).toMatchObject({ offset: 2 });
      expect((await update(1)).status?.code).toBe(42_800);
      expect((await update(4)).status?.code).toBe(40_019);
      expect(await get()).toMatchObject({ offset: 2 });
    });

    it("refuse a commit where members share the queues", async () => {
      const { update, group } = await filled(1);
      expect((await grpc.api.put(`/v1/groups/${group}/clients/c1`, {})).status).toBeLessThan(300);
      expect((await update(1)).status?.code).toBe(42_800);
    });

    it("know no group that is not there", async () => {
      const { client, topic } = await filled(0);
      const request = { group: resource("no-such-group"), messageQueue: queueOf(topic) };
      expect((await client.call("getOffset", request)).status?.code).toBe(40_403);
      expect((await client.call("updateOffset", { ...request, offset: 0 })).status?.code).toBe(40_403);
    });
  });
}
