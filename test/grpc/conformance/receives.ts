import { createHash } from "node:crypto";
import { status as grpcStatus } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { DigestType, Encoding, type Message } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { uniqueName } from "../../support/http/http-api.ts";
import { eventually } from "../../support/http/http-fixtures.ts";
import {
  attemptOf,
  bodiesOf,
  handleOf,
  idOf,
  receive,
  receiveCount,
  receiveRequest,
  resource,
  send,
  sqlFilter,
  tagFilter,
} from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

/** As long as a test lets a poll wait that should end by itself. */
const LONG_MS = 15_000;

export function receiveTests(grpc: Surroundings): void {
  const isSubscribed = async (group: string, topic: string): Promise<boolean> =>
    (await grpc.api.get(`/v1/groups/${group}/subscriptions/${topic}`)).status === 200;

  describe("ReceiveMessage", () => {
    it("answers a status, the messages and the time, in this order", async () => {
      const [topic, group, client] = [await grpc.topic({ queues: 1 }), await grpc.group(), grpc.client()];
      await send(client, topic, { body: "a" }, { body: "b" });
      const startedAtMs = Date.now();
      const { parts, messages, deliveredAtMs } = await receive(client, group, topic);
      expect(parts.map(({ content }) => content?.$case)).toEqual(["status", "message", "message", "deliveryTimestamp"]);
      expect(parts[0]?.content?.value).toMatchObject({ code: 20_000 });
      expect(bodiesOf(messages)).toEqual(["a", "b"]);
      expect(deliveredAtMs).toBeGreaterThanOrEqual(startedAtMs - 1);
      expect(deliveredAtMs).toBeLessThanOrEqual(Date.now());
    });

    it("says that there is no message, with the time", async () => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group()]);
      const { parts, code } = await receive(grpc.client(), group, topic, { waitMs: 0 });
      expect(parts.map(({ content }) => content?.$case)).toEqual(["status", "deliveryTimestamp"]);
      expect(code).toBe(40_401);
    });

    it("gives a message everything that clients read of it", async () => {
      const [topic, group, client] = [await grpc.topic({ queues: 1 }), await grpc.group(), grpc.client()];
      const bornTimestamp = { seconds: 1_700_000_000, nanos: 123_000_000 };
      await send(client, topic, { body: "first" });
      const text = { body: "second", tag: "T", keys: ["k1", "k2"], properties: { a: "1", b: "ü" }, bornTimestamp };
      const { entries } = await send(client, topic, text);
      const [, second] = (await receiveCount(client, group, topic, 2, { invisibleMs: 45_000 })) as [Message, Message];
      expect(second.topic).toEqual(resource(topic));
      expect(Object.fromEntries(second.userProperties)).toEqual({ a: "1", b: "ü" });
      expect(second.systemProperties).toMatchObject({
        tag: "T",
        keys: ["k1", "k2"],
        messageId: entries[0]?.messageId,
        bodyDigest: { type: DigestType.MD5, checksum: createHash("md5").update("second").digest("hex").toUpperCase() },
        bodyEncoding: Encoding.IDENTITY,
        messageType: 1,
        bornTimestamp,
        receiptHandle: expect.stringMatching(/^.{20,512}$/),
        queueId: 0,
        queueOffset: 1,
        deliveryAttempt: 1,
        invisibleDuration: { seconds: 45, nanos: 0 },
      });
    });

    it("treats the queue as a hint", async () => {
      const [topic, group, client] = [await grpc.topic({ queues: 4 }), await grpc.group(), grpc.client()];
      for (let at = 0; at < 8; at++) await send(client, topic, { body: `${at}` });
      expect(await receiveCount(client, group, topic, 8, { queueId: -1 })).toHaveLength(8);
    });

    it("delivers what a filter of tags lets through, and what one of SQL does", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const [byTag, bySql] = await Promise.all([grpc.group(), grpc.group()]);
      for (const [at, tag] of ["a", "b", "c"].entries())
        await send(client, topic, { tag, body: tag, properties: { n: `${at}` } });
      const tagged = await receiveCount(client, byTag, topic, 2, { filter: tagFilter("a || c") });
      expect(bodiesOf(tagged).sort()).toEqual(["a", "c"]);
      const selected = await receiveCount(client, bySql, topic, 2, { filter: sqlFilter("n >= 1") });
      expect(bodiesOf(selected).sort()).toEqual(["b", "c"]);
      for (const [group, filter] of [
        [byTag, tagFilter("a || c")],
        [bySql, sqlFilter("n >= 1")],
      ] as const)
        expect((await receive(client, group, topic, { filter, waitMs: 0 })).code).toBe(40_401);
    });

    it("takes every message where the filter says nothing", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      await send(client, topic, { tag: "a" });
      const request = { ...receiveRequest(group, topic), filterExpression: undefined };
      expect((await client.receive(request)).messages).toHaveLength(1);
    });

    it("refuses a filter that is none with 40010", async () => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group()]);
      const answer = await receive(grpc.client(), group, topic, { filter: sqlFilter("a = = b") });
      expect(answer.parts.map(({ content }) => content?.value)).toEqual([expect.objectContaining({ code: 40_010 })]);
    });

    it("gives at most 32, and nothing to who wants nothing", async () => {
      const [topic, group, client] = [await grpc.topic({ queues: 1 }), await grpc.group(), grpc.client()];
      await send(client, topic, ...Array.from({ length: 40 }, (_, at) => ({ body: `${at}` })));
      for (const max of [0, -1]) expect((await receive(client, group, topic, { max, waitMs: 100 })).code).toBe(40_401);
      const { messages } = await receive(client, group, topic, { max: 1_000 });
      expect(messages.length).toBeGreaterThan(0);
      expect(messages.length).toBeLessThanOrEqual(32);
      expect(await receiveCount(client, group, topic, 40 - messages.length)).toHaveLength(40 - messages.length);
    });

    it.each([[0], [9_999], [12 * 3_600_000 + 1_000], [-1_000]])("refuses an invisible time of %i ms with 40011", async (ms) => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group()]);
      expect((await receive(grpc.client(), group, topic, { invisibleMs: ms })).code).toBe(40_011);
    });

    it("wakes a waiting receive when a message comes", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const waiting = receive(client, group, topic, { waitMs: LONG_MS });
      // It waits once its subscription is there.
      await eventually(async () => ((await isSubscribed(group, topic)) ? true : undefined));
      const startedAtMs = Date.now();
      await send(client, topic, { body: "now" });
      expect(bodiesOf((await waiting).messages)).toEqual(["now"]);
      expect(Date.now() - startedAtMs).toBeLessThan(5_000);
    });

    // Where the store is far, the last look at it may take longer than there is left.
    it.skipIf(grpc.target.lateMsMax > 1_000)("answers before the deadline of a poll that would be longer", async () => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group()]);
      const startedAtMs = Date.now();
      const { code } = await receive(grpc.client(), group, topic, { waitMs: 20_000, deadlineMs: 12_000 });
      expect(code).toBe(40_401);
      expect(Date.now() - startedAtMs).toBeGreaterThan(10_000);
    });

    it("answers an attempt that is repeated with the same messages", async () => {
      for (const ordered of [false, true]) {
        const [topic, group] = await Promise.all([grpc.topic({ type: "MIXED" }), grpc.group({ ordered })]);
        const client = grpc.client();
        await send(client, topic, { body: "a", messageGroup: "one" }, { body: "b", messageGroup: "two" });
        const attemptId = uniqueName("attempt");
        const first = await receive(client, group, topic, { attemptId, max: 1 });
        const again = await receive(client, group, topic, { attemptId, max: 1 });
        expect(again.messages.map(idOf)).toEqual(first.messages.map(idOf));
        expect(again.messages.map(attemptOf)).toEqual([1]);
        const other = await receive(client, group, topic, { attemptId: uniqueName("attempt"), max: 1 });
        expect(other.messages.map(idOf)).not.toEqual(first.messages.map(idOf));
        await grpc.ack(client, group, topic, again.messages);
      }
    });

    it("takes nothing for a client that has cancelled", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const gone = new AbortController();
      const cancelled = receive(grpc.client(), group, topic, { waitMs: LONG_MS, signal: gone.signal });
      await eventually(async () => ((await isSubscribed(group, topic)) ? true : undefined));
      gone.abort();
      await expect(cancelled).rejects.toMatchObject({ code: grpcStatus.CANCELLED });
      // A call that came later has been answered, so the server has heard of it.
      await client.call("heartbeat", { clientType: 3 });
      await send(client, topic, { body: "kept" });
      const startedAtMs = Date.now();
      const messages = await receiveCount(client, group, topic, 1);
      expect(bodiesOf(messages)).toEqual(["kept"]);
      expect(attemptOf(messages[0]!)).toBe(1);
      expect(Date.now() - startedAtMs).toBeLessThan(5_000);
    });

    it("gives back what it could not write to a client that went away", async () => {
      const [topic, group, client] = [await grpc.topic({ queues: 1 }), await grpc.group(), grpc.client()];
      const body = Buffer.alloc(500_000, "x");
      await send(client, topic, ...Array.from({ length: 8 }, () => ({ body })));
      await grpc.client().takeFirstPart(receiveRequest(group, topic, { invisibleMs: 3_600_000 }));
      const messages = await receiveCount(client, group, topic, 4);
      expect(messages.map(attemptOf)).toEqual([1, 1, 1, 1]);
    });

    it("refuses unknown topics, groups that nobody makes, and names that are none", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const codeOf = async (of: string, from: string) => (await receive(client, of, from, { waitMs: 0 })).code;
      expect(await codeOf(group, uniqueName("absent"))).toBe(40_402);
      expect(await codeOf(uniqueName("group"), topic)).toBe(grpc.target.makesGroups ? 40_401 : 40_403);
      expect(await codeOf("no group", topic)).toBe(40_003);
      expect(await codeOf(group, "no topic")).toBe(40_002);
      expect(await codeOf("", topic)).toBe(40_003);
    });

    it("knows a topic and a group that were made anew", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      await receive(client, group, topic, { waitMs: 0 });
      for (const path of [`/v1/groups/${group}`, `/v1/topics/${topic}`]) {
        expect((await grpc.api.delete(path)).status).toBeLessThan(300);
        expect((await grpc.api.put(path, {})).status).toBe(201);
      }
      await eventually(async () => ((await send(client, topic, { body: "new" })).status?.code === 20_000 ? true : undefined));
      const [received] = await eventually(async () => {
        const { messages } = await receive(client, group, topic, { waitMs: 500 });
        return messages.length > 0 ? messages : undefined;
      });
      expect(handleOf(received!)).not.toBe("");
    });
  });
}
