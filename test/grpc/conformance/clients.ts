import { randomBytes } from "node:crypto";
import { status as grpcStatus } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { ClientType } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { MessagingServiceService } from "../../../functions/grpc/generated/apache/rocketmq/v2/service.ts";
import { eventually } from "../../support/http/http-fixtures.ts";
import { attemptOf, bodiesOf, consumerSettings, receive, receiveCount, resource, send, tagFilter } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const terminate = { group: undefined };

export function clientTests(grpc: Surroundings): void {
  describe("NotifyClientTermination", () => {
    it("ends the client's polls at once", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      const polls = [1, 2, 3].map(() => receive(client, group, topic, { waitMs: 19_000 }));
      const known = async () => (await grpc.api.get(`/v1/groups/${group}/subscriptions/${topic}`)).status === 200;
      await eventually(async () => ((await known()) ? true : undefined));
      const startedAtMs = Date.now();
      expect((await client.call("notifyClientTermination", terminate)).status?.code).toBe(20_000);
      expect((await Promise.all(polls)).map(({ code }) => code)).toEqual([40_401, 40_401, 40_401]);
      expect(Date.now() - startedAtMs).toBeLessThan(1_000);
    });

    it("lets the next consumer have what a push consumer held, within a second, as if it had not been delivered", async () => {
      const [topic, group] = [await grpc.topic(), await grpc.group()];
      const [first, second] = [grpc.client(), grpc.client()];
      const stream = first.telemetry();
      await stream.settings(consumerSettings(group, { [topic]: tagFilter("*") }));
      await send(second, topic, { body: "a" }, { body: "b" }, { body: "c" });
      const held = await receiveCount(first, group, topic, 3, { autoRenew: true });
      const settled = held.filter(({ body }) => body.toString() === "a");
      await grpc.ack(first, group, topic, settled);
      expect((await first.call("notifyClientTermination", terminate)).status?.code).toBe(20_000);
      const startedAtMs = Date.now();
      const messages = await receiveCount(second, group, topic, 2, { autoRenew: true });
      expect(Date.now() - startedAtMs).toBeLessThan(1_000 + grpc.target.skewMs);
      expect(bodiesOf(messages).sort()).toEqual(["b", "c"]);
      expect(messages.map(attemptOf)).toEqual([1, 1]);
      stream.end();
    });

    it("leaves a simple consumer what it holds", async () => {
      const { client, topic, group, message } = await grpc.held();
      expect((await client.call("notifyClientTermination", terminate)).status?.code).toBe(20_000);
      expect((await receive(grpc.client(), group, topic, { waitMs: 300 })).code).toBe(40_401);
      await grpc.ack(client, group, topic, [message]);
    });

    it("renews nothing for a simple consumer, however long its stream lives", async () => {
      const [client, topic, group] = [grpc.client(), await grpc.topic(), await grpc.group()];
      const stream = client.telemetry();
      await stream.settings(consumerSettings(group, { [topic]: tagFilter("*") }, ClientType.SIMPLE_CONSUMER));
      await send(client, topic, { body: "slow" });
      const startedAtMs = Date.now();
      await receiveCount(client, group, topic, 1, { invisibleMs: 10_000 });
      const [again] = await receiveCount(client, group, topic, 1, { waitMs: 19_000 });
      expect(attemptOf(again!)).toBe(2);
      expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(10_000);
      stream.end();
    });

    it("lets a client come again under its id", async () => {
      const [topic, group, client] = [await grpc.topic(), await grpc.group(), grpc.client()];
      await client.call("notifyClientTermination", terminate);
      const stream = client.telemetry();
      await stream.settings(consumerSettings(group, { [topic]: tagFilter("*") }));
      const waiting = receive(client, group, topic, { waitMs: 10_000 });
      await send(client, topic, { body: "again" });
      expect(bodiesOf((await waiting).messages)).toEqual(["again"]);
      stream.end();
    });
  });

  describe("every call", () => {
    it.each([
      ["none", undefined],
      ["an empty one", ""],
      ["a long one", "x".repeat(256)],
    ])("needs a client id: %s is answered 40017", async (_what, clientId) => {
      const client = grpc.client({ metadata: () => ({ "x-mq-client-id": clientId }) });
      const unary = await client.call("heartbeat", { clientType: 1 });
      expect(unary.status?.code).toBe(40_017);
      const { parts } = await receive(client, "group", "topic");
      expect(parts.map(({ content }) => content?.value)).toEqual([expect.objectContaining({ code: 40_017 })]);
      const stream = client.telemetry();
      expect(await stream.next()).toMatchObject({ status: { code: 40_017 }, command: undefined });
      expect(await stream.next()).toBeUndefined();
    });

    it("takes clients of any language, and of none", async () => {
      for (const language of ["GO", "PYTHON", "HTTP", "RUST", "Brainfuck", "x".repeat(1_000)]) {
        const client = grpc.client({ language });
        expect((await client.call("heartbeat", { clientType: 1 })).status?.code).toBe(20_000);
      }
      const client = grpc.client({ metadata: () => ({ "x-mq-language": undefined, "x-mq-protocol": undefined }) });
      expect((await client.call("heartbeat", { clientType: 1 })).status?.code).toBe(20_000);
    });

    it("ignores namespaces, in its names and in its metadata", async () => {
      const [topic, group] = [await grpc.topic(), await grpc.group()];
      const client = grpc.client({ metadata: () => ({ "x-mq-namespace": "elsewhere" }) });
      await send(client, topic, { body: "one" });
      const { messages } = await receive(client, group, topic);
      expect(bodiesOf(messages)).toEqual(["one"]);
      const handles = messages.map(({ systemProperties }) => systemProperties?.receiptHandle ?? "");
      const named = (name: string) => ({ resourceNamespace: "elsewhere", name });
      const entries = handles.map((receiptHandle) => ({ messageId: "", receiptHandle }));
      const { status } = await client.call("ackMessage", { group: named(group), topic: named(topic), entries });
      expect(status?.code).toBe(20_000);
    });

    it("that is not served is UNIMPLEMENTED", async () => {
      const client = grpc.client();
      const unserved = [
        client.call("syncLiteSubscription", { action: 0, topic: resource("t"), group: resource("g"), liteTopicSet: [] }),
        client.sendBytes("/apache.rocketmq.v2.MessagingService/Nothing", Buffer.alloc(0)),
        client.sendBytes("/other.Service/QueryRoute", Buffer.alloc(0)),
      ];
      const outcomes = await Promise.allSettled(unserved);
      expect(outcomes).toMatchObject(unserved.map(() => ({ status: "rejected", reason: { code: grpcStatus.UNIMPLEMENTED } })));
    });

    it("with bytes that are no request is refused, and the connection lives on", async () => {
      const client = grpc.client();
      const { path, requestStream, responseStream } = MessagingServiceService.sendMessage;
      expect([requestStream, responseStream]).toEqual([false, false]);
      for (let round = 0; round < 20; round++) {
        const bytes = Buffer.concat([Buffer.from([0x0a, 0x7f]), randomBytes(40)]);
        const outcome = await client.sendBytes(path, bytes).then(
          () => "answered",
          (error: { code: number }) => error.code,
        );
        expect(["answered", grpcStatus.INTERNAL, grpcStatus.INVALID_ARGUMENT]).toContain(outcome);
      }
      expect((await client.call("heartbeat", { clientType: 1 })).status?.code).toBe(20_000);
    });

    it("with a list that would take much more memory than its bytes is refused unread", async () => {
      const client = grpc.client();
      const empty = Buffer.alloc(2 * 200_000);
      for (let at = 0; at < empty.length; at += 2) empty[at] = 0x0a;
      for (const { path } of [MessagingServiceService.sendMessage, MessagingServiceService.ackMessage])
        await expect(client.sendBytes(path, empty)).rejects.toMatchObject({ code: grpcStatus.INTERNAL });
      const address = { host: "h", port: 1 };
      const endpoints = { scheme: 1 as const, addresses: Array.from({ length: 17 }, () => address) };
      const route = await client.call("queryRoute", { topic: resource(await grpc.topic()), endpoints });
      expect(route).toMatchObject({ status: { code: 40_001 }, messageQueues: [] });
    });

    it("with a request larger than any may be is refused", async () => {
      const { path } = MessagingServiceService.sendMessage;
      const client = grpc.client();
      await expect(client.sendBytes(path, Buffer.alloc(7 * 1_024 * 1_024))).rejects.toMatchObject({
        code: grpcStatus.RESOURCE_EXHAUSTED,
      });
    });
  });

  describe("the health service", () => {
    const check = (service: string) => Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);

    it("says that the server and the service serve, and knows no other", async () => {
      const client = grpc.client({ metadata: () => ({ "x-mq-client-id": undefined }) });
      const path = "/grpc.health.v1.Health/Check";
      // status: SERVING
      const serving = Buffer.from([0x08, 0x01]);
      expect(await client.sendBytes(path, Buffer.alloc(0))).toEqual(serving);
      expect(await client.sendBytes(path, check("apache.rocketmq.v2.MessagingService"))).toEqual(serving);
      await expect(client.sendBytes(path, check("other"))).rejects.toMatchObject({ code: grpcStatus.NOT_FOUND });
    });
  });
}
