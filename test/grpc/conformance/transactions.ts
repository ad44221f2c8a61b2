import { describe, expect, it } from "vitest";
import { MessageType } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { durationOf } from "../../../functions/grpc/times.ts";
import type { RawClient } from "../raw-client.ts";
import { bodiesOf, producerSettings, receive, receiveCount, resource, send } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const COMMIT = 1;
const ROLLBACK = 2;
const UNKNOWN = 0;

const half = (client: RawClient, topic: string, body: string, checkAfterMs?: number) =>
  send(client, topic, {
    body,
    messageType: MessageType.TRANSACTION,
    ...(checkAfterMs !== undefined && { orphanedTransactionRecoveryDuration: durationOf(checkAfterMs) }),
  });

const end = async (client: RawClient, topic: string, transactionId: string, resolution: 0 | 1 | 2): Promise<number | undefined> =>
  (
    await client.call("endTransaction", {
      topic: resource(topic),
      messageId: transactionId,
      transactionId,
      resolution,
      source: 1,
      traceContext: "",
    })
  ).status?.code;

export function transactionTests(grpc: Surroundings): void {
  describe("EndTransaction", () => {
    const begun = async (body: string) => {
      const [topic, group, client] = [await grpc.topic({ type: "TRANSACTION" }), await grpc.group(), grpc.client()];
      const { status, entries } = await half(client, topic, body);
      expect(status?.code).toBe(20_000);
      const { transactionId = "", messageId } = entries[0] ?? {};
      expect(transactionId).not.toBe("");
      expect(messageId).not.toBe("");
      expect((await receive(client, group, topic, { waitMs: 200 })).code).toBe(40_401);
      return { topic, group, client, transactionId };
    };

    it("delivers a message that is committed, once, however often its producer says so", async () => {
      const { topic, group, client, transactionId } = await begun("committed");
      expect(await end(client, topic, transactionId, COMMIT)).toBe(20_000);
      expect(await end(client, topic, transactionId, COMMIT)).toBe(20_000);
      expect(bodiesOf(await receiveCount(client, group, topic, 1))).toEqual(["committed"]);
      expect((await receive(client, group, topic, { waitMs: 200 })).code).toBe(40_401);
      expect(await end(client, topic, transactionId, ROLLBACK)).toBe(40_008);
    });

    it("delivers no message that is rolled back", async () => {
      const { topic, group, client, transactionId } = await begun("rolled back");
      expect(await end(client, topic, transactionId, ROLLBACK)).toBe(20_000);
      expect(await end(client, topic, transactionId, ROLLBACK)).toBe(20_000);
      expect(await end(client, topic, transactionId, COMMIT)).toBe(40_008);
      expect((await receive(client, group, topic, { waitMs: 300 })).code).toBe(40_401);
    });

    it("leaves undecided what its producer does not know", async () => {
      const { topic, group, client, transactionId } = await begun("later");
      expect(await end(client, topic, transactionId, UNKNOWN)).toBe(20_000);
      expect(await end(client, topic, transactionId, COMMIT)).toBe(20_000);
      expect(bodiesOf(await receiveCount(client, group, topic, 1))).toEqual(["later"]);
    });

    it("refuses transactions that are none", async () => {
      const [topic, client] = [await grpc.topic({ type: "TRANSACTION" }), grpc.client()];
      expect(await end(client, topic, "", COMMIT)).toBe(40_008);
      expect([40_000, 40_008, 40_400, 40_401]).toContain(await end(client, topic, "garbage", COMMIT));
      expect(await end(client, "no topic", "garbage", COMMIT)).toBe(40_002);
    });
  });

  describe("a transaction that nobody ends", () => {
    it("is asked about at a live producer of its topic, and done as that one says", async () => {
      const [topic, group] = [await grpc.topic({ type: "TRANSACTION" }), await grpc.group()];
      const [sender, asked] = [grpc.client(), grpc.client()];
      const stream = asked.telemetry();
      await stream.settings(producerSettings(topic));
      const { entries } = await half(sender, topic, "orphan", 1_000);
      const command = await stream.next();
      expect(command?.command).toMatchObject({
        $case: "recoverOrphanedTransactionCommand",
        value: {
          transactionId: entries[0]?.transactionId,
          message: {
            topic: resource(topic),
            body: Buffer.from("orphan"),
            systemProperties: {
              messageId: entries[0]?.messageId,
              messageType: MessageType.TRANSACTION,
              bodyDigest: { checksum: expect.stringMatching(/^[0-9A-F]{32}$/) },
            },
          },
        },
      });
      if (command?.command?.$case !== "recoverOrphanedTransactionCommand") throw new Error("it asks nothing");
      const { message, transactionId } = command.command.value;
      expect(message?.userProperties.get("__transactionId__")).toBe(transactionId);
      expect(message?.userProperties.get("TRANSACTION_CHECK_TIMES")).toBe("1");
      expect(await end(asked, topic, transactionId, COMMIT)).toBe(20_000);
      expect(bodiesOf(await receiveCount(asked, group, topic, 1))).toEqual(["orphan"]);
      stream.end();
    });

    it("is asked about by the stream that a producer still has, where it ended its newer one", async () => {
      const [topic, client] = [await grpc.topic({ type: "TRANSACTION" }), grpc.client()];
      const [older, newer] = [client.telemetry(), client.telemetry()];
      for (const stream of [older, newer]) await stream.settings(producerSettings(topic));
      newer.end();
      while (await newer.next());
      await half(client, topic, "orphan", 1_000);
      expect((await older.next())?.command).toMatchObject({ $case: "recoverOrphanedTransactionCommand" });
      older.end();
    });

    it("is asked about elsewhere where a producer left while its settings were read", async () => {
      const topic = await grpc.topic({ type: "TRANSACTION" });
      for (let left = 0; left < 3; left++) {
        const stream = grpc.client().telemetry();
        stream.write({ command: { $case: "settings", value: producerSettings(topic) } });
        stream.end();
        while (await stream.next());
      }
      const { entries } = await half(grpc.client(), topic, "orphan", 1_000);
      const path = `/v1/producer-groups/${topic}/checks/receive`;
      const asked = await grpc.api.post(path, { waitSeconds: 15 });
      expect(asked.json.checks).toMatchObject([{ transactionId: entries[0]?.transactionId, checkNumber: 1 }]);
    });

    it("is asked about at the producer that sent it, also where that one's settings named no topic", async () => {
      const [topic, client] = [await grpc.topic({ type: "MIXED" }), grpc.client()];
      const stream = client.telemetry();
      await stream.settings(producerSettings());
      const { entries } = await half(client, topic, "orphan", 1_000);
      const command = await stream.next();
      expect(command?.command).toMatchObject({ value: { transactionId: entries[0]?.transactionId } });
      expect(await end(client, topic, entries[0]?.transactionId ?? "", ROLLBACK)).toBe(20_000);
      stream.end();
    });
  });
}
