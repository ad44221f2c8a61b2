import { describe, expect, it } from "vitest";
import { MessageType } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { timestampOf } from "../../../functions/grpc/times.ts";
import { uniqueName } from "../../support/http/http-api.ts";
import { type MessageText, message, receive, send } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const YEAR_MS = 365 * 86_400_000;
const later = () => timestampOf(Date.now() + 60_000);

/** What RocketMQ calls each thing that is wrong with a message. */
const REFUSED: readonly (readonly [string, number, MessageText])[] = [
  ["an empty tag", 40_004, { tag: "" }],
  ["a tag with a bar", 40_004, { tag: "a|b" }],
  ["a tag of 256 characters", 40_004, { tag: "t".repeat(256) }],
  ["a tag with a control character", 40_004, { tag: "a\u0001" }],
  ["an empty key", 40_005, { keys: [""] }],
  ["a key with white space", 40_005, { keys: ["good", "a b"] }],
  ["a key of 256 characters", 40_005, { keys: ["k".repeat(256)] }],
  ["129 keys", 40_005, { keys: Array.from({ length: 129 }, (_, at) => `k${at}`) }],
  ["a reserved property", 40_007, { properties: { KEYS: "x" } }],
  ["a property of the system", 40_007, { properties: { __SHARDINGKEY: "x" } }],
  ["a property without a name", 40_007, { properties: { "": "x" } }],
  ["a property with a control character", 40_007, { properties: { name: "a\u0000b" } }],
  ["129 properties", 43_101, { properties: Object.fromEntries(Array.from({ length: 129 }, (_, at) => [`p${at}`, ""])) }],
  ["properties of more than 16 KiB", 43_101, { properties: { name: "v".repeat(16 * 1_024) } }],
  ["no id", 40_009, { messageId: "" }],
  ["an id of 65 characters", 40_009, { messageId: "i".repeat(65) }],
  ["an id with a control character", 40_009, { messageId: "i\n" }],
  ["no body", 41_302, { body: "" }],
  ["a body of more than 4 MiB", 41_301, { body: Buffer.alloc(4 * 1_024 * 1_024 + 1) }],
  ["an encoding that nobody knows", 40_000, { bodyEncoding: 7 as never }],
  ["a message group", 40_014, { messageGroup: "one", messageType: MessageType.FIFO }],
  ["a delay", 40_014, { deliveryTimestamp: later(), messageType: MessageType.DELAY }],
  ["a priority", 40_014, { priority: 1 }],
  ["a transaction", 40_014, { messageType: MessageType.TRANSACTION }],
];

/** Types of topics that do not take a message. */
const CONFLICTS: readonly (readonly [string, number, string, MessageText])[] = [
  ["FIFO", 40_014, "without a message group", {}],
  ["FIFO", 40_006, "with an empty message group", { messageGroup: "" }],
  ["FIFO", 40_006, "with a message group of 65 characters", { messageGroup: "g".repeat(65) }],
  ["DELAY", 40_014, "that is not delayed", {}],
  ["DELAY", 40_012, "that is due in eleven years", { deliveryTimestamp: timestampOf(Date.now() + 11 * YEAR_MS) }],
  ["TRANSACTION", 40_014, "without a transaction", {}],
  ["PRIORITY", 40_014, "with a message group", { messageGroup: "one" }],
  ["MIXED", 40_014, "delayed and in a transaction", { messageType: MessageType.TRANSACTION, deliveryTimestamp: later() }],
];

export function sendLimitTests(grpc: Surroundings): void {
  describe("SendMessage refuses", () => {
    it.each(REFUSED)("%s with %i", async (_what, code, text) => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const { status } = await send(client, topic, text);
      expect(status).toMatchObject({ code, message: expect.stringMatching(/./) });
      // Nothing was stored.
      const found = await receive(client, await grpc.group(), topic, { waitMs: 0 });
      expect(found.code).toBe(40_401);
    });

    it.each(CONFLICTS)("to a %s topic with %i a message %s", async (type, code, _what, text) => {
      const { status } = await send(grpc.client(), await grpc.topic({ type }), text);
      expect(status?.code).toBe(code);
    });

    it("messages of no topic, of an unknown one, and of several", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const codeOf = async (name: string) => (await send(client, name, {})).status?.code;
      expect(await codeOf(uniqueName("absent"))).toBe(40_402);
      for (const name of ["", "no topic", "x".repeat(65)]) expect(await codeOf(name), name).toBe(40_002);
      const apart = { messages: [message(topic), message(await grpc.topic())] };
      expect((await client.call("sendMessage", apart)).status?.code).toBe(40_000);
      expect((await client.call("sendMessage", { messages: [] })).status?.code).toBe(40_000);
    });

    it("messages to topics of the broker, and to topics that nobody may write to", async () => {
      const [group, client] = [await grpc.group(), grpc.client()];
      expect([40_300, 40_402]).toContain((await send(client, `%DLQ%${group}`, {})).status?.code);
      expect((await send(client, await grpc.topic({ perm: 4 }), {})).status?.code).toBe(40_300);
    });

    it("more than 100 messages at once, and more than 4 MiB", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const many = await send(client, topic, ...Array.from({ length: 101 }, () => ({})));
      expect(many.status?.code).toBe(40_000);
      const large = { body: Buffer.alloc(2.5 * 1_024 * 1_024) };
      expect((await send(client, topic, large, large)).status?.code).toBe(41_301);
      const found = await receive(client, await grpc.group(), topic, { waitMs: 0 });
      expect(found.code).toBe(40_401);
    });

    it("several messages in one transaction", async () => {
      const topic = await grpc.topic({ type: "TRANSACTION" });
      const half = { messageType: MessageType.TRANSACTION };
      expect((await send(grpc.client(), topic, half, half)).status?.code).toBe(40_014);
    });
  });

  it("refuses a priority below 0", async () => {
    const topic = await grpc.topic({ type: "PRIORITY" });
    expect((await send(grpc.client(), topic, { priority: -1, messageType: MessageType.PRIORITY })).status?.code).toBe(40_000);
  });

  it("takes a priority beyond the topic's as its highest", async () => {
    const topic = await grpc.topic({ type: "PRIORITY", queues: 2 });
    expect((await send(grpc.client(), topic, { priority: 9, messageType: MessageType.PRIORITY })).status?.code).toBe(20_000);
  });
}
