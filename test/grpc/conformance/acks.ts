import { describe, expect, it } from "vitest";
import { ack, ackRequest, attemptOf, handleOf, receive, receiveCount, resource, send } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

export function ackTests(grpc: Surroundings): void {
  describe("AckMessage", () => {
    it("settles each message, and says so of each", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      await send(client, topic, { body: "a" }, { body: "b" });
      const messages = await receiveCount(client, group, topic, 2);
      const { status, entries } = await ack(client, group, topic, messages);
      expect(status?.code).toBe(20_000);
      expect(entries).toMatchObject(
        messages.map((one, at) => ({ messageId: `id-${at}`, receiptHandle: handleOf(one), status: { code: 20_000 } })),
      );
      const lag = await grpc.api.get(`/v1/groups/${group}/lag`);
      expect(lag.json).toMatchObject({ inFlight: 0 });
      // A repeat changes nothing.
      expect((await ack(client, group, topic, messages)).status?.code).toBe(20_000);
    });

    it("answers 30000 where some were acked and others were not", async () => {
      const { client, topic, group, message } = await grpc.held();
      const request = ackRequest(group, topic, [handleOf(message), "garbage"]);
      const { status, entries } = await client.call("ackMessage", request);
      expect(status?.code).toBe(30_000);
      expect(entries.map((entry) => entry.status?.code)).toEqual([20_000, 40_013]);
    });

    it("answers 40013 to handles that are garbage, changed or another group's", async () => {
      const { client, topic, group, message } = await grpc.held();
      const handle = handleOf(message);
      const changed = `${handle.slice(0, -2)}${handle.endsWith("AA") ? "BB" : "AA"}`;
      for (const one of ["", "x", "🙂", "A".repeat(600), changed]) {
        const { status, entries } = await client.call("ackMessage", ackRequest(group, topic, [one]));
        expect([status?.code, entries[0]?.status?.code], one).toEqual([40_013, 40_013]);
      }
      const other = await grpc.group();
      expect((await ack(client, other, topic, [message])).status?.code).toBe(40_013);
      expect((await ack(client, group, topic, [message])).status?.code).toBe(20_000);
    });

    it("answers 40013 to the handle of a delivery that was given back", async () => {
      const { client, topic, group, message } = await grpc.held();
      const nack = { nacks: [{ receiptHandle: handleOf(message), delaySeconds: 0 }] };
      expect((await grpc.api.post(`/v1/groups/${group}/settle`, nack)).status).toBe(200);
      const [again] = await receiveCount(client, group, topic, 1);
      expect(attemptOf(again!)).toBe(2);
      expect((await ack(client, group, topic, [message])).status?.code).toBe(40_013);
      expect((await ack(client, group, topic, [again!])).status?.code).toBe(20_000);
    });

    it("refuses nothing to ack, more than 100, and groups that are not there", async () => {
      const { client, topic, group, message } = await grpc.held();
      const codeOf = async (of: string, handles: readonly string[]) =>
        (await client.call("ackMessage", ackRequest(of, topic, handles))).status?.code;
      expect(await codeOf(group, [])).toBe(40_000);
      expect(
        await codeOf(
          group,
          Array.from({ length: 101 }, () => handleOf(message)),
        ),
      ).toBe(40_000);
      expect(await codeOf("absent-group", [handleOf(message)])).toBe(40_403);
      expect(await codeOf("no group", [handleOf(message)])).toBe(40_003);
    });
  });

  describe("ForwardMessageToDeadLetterQueue", () => {
    const forward = (client: Awaited<ReturnType<Surroundings["held"]>>["client"], group: string, topic: string, handle: string) =>
      client.call("forwardMessageToDeadLetterQueue", {
        group: resource(group),
        topic: resource(topic),
        receiptHandle: handle,
        messageId: "",
        deliveryAttempt: 3,
        maxDeliveryAttempts: 3,
      });

    it("makes a dead letter of a message, whose order others wait for", async () => {
      const { client, topic, group, message } = await grpc.held({ topic: { type: "FIFO" }, group: { ordered: true } });
      await send(client, topic, { body: "behind", messageGroup: "one" });
      expect((await receive(client, group, topic, { waitMs: 0 })).code).toBe(40_401);
      expect((await forward(client, group, topic, handleOf(message))).status?.code).toBe(20_000);
      const { json } = await grpc.api.get(`/v1/groups/${group}/dlq`);
      expect(json.items).toMatchObject([{ body: "held" }]);
      expect(await receiveCount(client, group, topic, 1)).toMatchObject([{ body: Buffer.from("behind") }]);
    });

    it("answers 40013 to handles that are garbage, and OK to a message that is settled, since clients repeat anything else for ever", async () => {
      const { client, topic, group, message } = await grpc.held();
      expect((await forward(client, group, topic, "garbage")).status?.code).toBe(40_013);
      await grpc.ack(client, group, topic, [message]);
      expect((await forward(client, group, topic, handleOf(message))).status?.code).toBe(20_000);
    });
  });
}
