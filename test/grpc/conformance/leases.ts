import { describe, expect, it } from "vitest";
import { timestampOf } from "../../../functions/grpc/times.ts";
import { ack, attemptOf, changeInvisible, handleOf, idOf, receive, receiveCount, resource, send } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

export function leaseTests(grpc: Surroundings): void {
  describe("ChangeInvisibleDuration", () => {
    /** Changes the time, and answers how long the message stayed away, and as which attempt it came. */
    const awayAfter = async (ms: number, suspend?: boolean) => {
      const { client, topic, group, message } = await grpc.held();
      const waiting = receiveCount(client, group, topic, 1);
      const startedAtMs = Date.now();
      const changed = await changeInvisible(client, group, topic, handleOf(message), ms, suspend);
      const answeredAtMs = Date.now();
      expect(changed.status?.code).toBe(20_000);
      expect(changed.receiptHandle).not.toBe("");
      const [again] = await waiting;
      expect(idOf(again!)).toBe(idOf(message));
      return { sinceCallMs: Date.now() - startedAtMs, sinceAnswerMs: Date.now() - answeredAtMs, attempt: attemptOf(again!) };
    };

    it.each([[0], [1], [500], [2_000]])("lets a message come again after %i ms, as its next attempt", async (ms) => {
      const { sinceCallMs, sinceAnswerMs, attempt } = await awayAfter(ms);
      expect(sinceCallMs).toBeGreaterThanOrEqual(ms);
      // Beside it, this process runs all the other tests.
      expect(sinceAnswerMs - ms).toBeLessThan(1_000 + grpc.target.lateMsMax + grpc.target.skewMs);
      expect(attempt).toBe(2);
    });

    it("does not count the attempt of a message whose consumer is suspended", async () => {
      expect((await awayAfter(200, true)).attempt).toBe(1);
    });

    it("keeps a message away for longer, under a handle that settles it", async () => {
      const { client, topic, group, message } = await grpc.held({ invisibleMs: 10_000 });
      const { receiptHandle } = await changeInvisible(client, group, topic, handleOf(message), 60_000);
      const entries = [{ messageId: "", receiptHandle }];
      const acked = await client.call("ackMessage", { group: resource(group), topic: resource(topic), entries });
      expect(acked.status?.code).toBe(20_000);
      expect((await receive(client, group, topic, { waitMs: 200 })).code).toBe(40_401);
    });

    it("lets the handle of before settle the message too, until it is due", async () => {
      const { client, topic, group, message } = await grpc.held();
      await changeInvisible(client, group, topic, handleOf(message), 5_000);
      expect((await ack(client, group, topic, [message])).status?.code).toBe(20_000);
    });

    it("refuses times that are none with 40011, and handles that are none with 40013", async () => {
      const { client, topic, group, message } = await grpc.held();
      const codeOf = async (handle: string, ms: number) => (await changeInvisible(client, group, topic, handle, ms)).status?.code;
      expect(await codeOf(handleOf(message), -1_000)).toBe(40_011);
      expect(await codeOf(handleOf(message), 12 * 3_600_000 + 1)).toBe(40_011);
      expect(await codeOf("garbage", 1_000)).toBe(40_013);
      await grpc.ack(client, group, topic, [message]);
      expect(await codeOf(handleOf(message), 1_000)).toBe(40_013);
    });
  });

  describe("a message of a group that gives up", () => {
    it("becomes a dead letter after its last attempt", async () => {
      const { client, topic, group, message } = await grpc.held({ group: { maxAttempts: 2 } });
      await changeInvisible(client, group, topic, handleOf(message), 0);
      const [again] = await receiveCount(client, group, topic, 1);
      expect(attemptOf(again!)).toBe(2);
      await changeInvisible(client, group, topic, handleOf(again!), 0);
      expect((await receive(client, group, topic, { waitMs: 500 })).code).toBe(40_401);
      const { json } = await grpc.api.get(`/v1/groups/${group}/dlq`);
      expect(json.items).toMatchObject([{ body: "held", attempts: 2 }]);
    });
  });

  describe("RecallMessage", () => {
    it("cancels a delayed message, and names it", async () => {
      const [topic, client] = [await grpc.topic({ type: "DELAY" }), grpc.client()];
      const { entries } = await send(client, topic, { deliveryTimestamp: timestampOf(Date.now() + 60_000) });
      const { messageId, recallHandle = "" } = entries[0] ?? {};
      const request = { topic: resource(topic), recallHandle };
      const recalled = { status: { code: 20_000 }, messageId };
      expect(await client.call("recallMessage", request)).toMatchObject(recalled);
      expect(await client.call("recallMessage", request)).toMatchObject(recalled);
      expect((await grpc.api.get(`/v1/topics/${topic}/scheduled`)).json.items).toEqual([]);
    });

    it("refuses handles that are none, and messages that were delivered", async () => {
      const [topic, group, client] = [await grpc.topic({ type: "DELAY" }), await grpc.group(), grpc.client()];
      const codeOf = async (recallHandle: string) =>
        (await client.call("recallMessage", { topic: resource(topic), recallHandle })).status?.code;
      for (const handle of ["", "garbage", "A".repeat(600)]) expect(await codeOf(handle), handle).toBeGreaterThanOrEqual(40_000);
      const { entries } = await send(client, topic, { deliveryTimestamp: timestampOf(Date.now() + 300) });
      await receiveCount(client, group, topic, 1);
      expect(await codeOf(entries[0]?.recallHandle ?? "")).toBe(42_800);
    });
  });
}
