import { describe, expect, it } from "vitest";
import type { Publishing, Settings, Subscription } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import type { TelemetryCommand } from "../../../functions/grpc/generated/apache/rocketmq/v2/service.ts";
import { uniqueName } from "../../support/http/http-api.ts";
import { bodiesOf, consumerSettings, producerSettings, receive, receiveCount, send, sqlFilter, tagFilter } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const settingsOf = ({ status, command }: TelemetryCommand): Settings => {
  expect(status?.code, status?.message).toBe(20_000);
  if (command?.$case !== "settings") throw new Error("no settings were answered");
  return command.value;
};
const subscriptionOf = (answer: TelemetryCommand): Subscription => settingsOf(answer).pubSub?.value as Subscription;
const seconds = (count: number) => ({ seconds: count, nanos: 0 });

/** As many streams as a client may have at once. */
const STREAMS_MAX = 16;

export function telemetryTests(grpc: Surroundings): void {
  describe("Telemetry", () => {
    it("ends a client's oldest stream where it opens very many", async () => {
      const [topic, client] = [await grpc.topic(), grpc.client()];
      const streams = Array.from({ length: STREAMS_MAX + 1 }, () => client.telemetry());
      for (const stream of streams) await stream.settings(producerSettings(topic));
      const [oldest, next, ...others] = streams;
      expect(await oldest?.next()).toBeUndefined();
      expect((await next?.settings(producerSettings(topic)))?.status?.code).toBe(20_000);
      for (const stream of [next, ...others]) stream?.end();
    });

    it("tells a producer the limits and how it retries", async () => {
      const topic = await grpc.topic();
      const stream = grpc.client().telemetry();
      const settings = settingsOf(await stream.settings(producerSettings(topic)));
      expect(settings.pubSub?.$case).toBe("publishing");
      const publishing = settings.pubSub?.value as Publishing;
      expect(publishing).toMatchObject({ topics: [{ name: topic }], maxBodySize: 4 * 1_024 * 1_024, validateMessageType: true });
      expect(settings.backoffPolicy).toEqual({
        maxAttempts: 3,
        strategy: {
          $case: "exponentialBackoff",
          value: { initial: { seconds: 0, nanos: 10_000_000 }, max: seconds(1), multiplier: 2 },
        },
      });
      expect(settings.metric?.on).toBe(false);
      stream.end();
      expect(await stream.next()).toBeUndefined();
    });

    it("tells a consumer how its group receives and retries", async () => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group({ maxAttempts: 3, backoff: [1, 5] })]);
      const stream = grpc.client().telemetry();
      const settings = settingsOf(await stream.settings(consumerSettings(group, { [topic]: tagFilter("*") })));
      expect(settings.pubSub?.$case).toBe("subscription");
      expect(settings.pubSub?.value).toMatchObject({
        group: { name: group },
        subscriptions: [{ topic: { name: topic } }],
        fifo: false,
        receiveBatchSize: 32,
        longPollingTimeout: seconds(20),
      });
      const strategy = { $case: "customizedBackoff", value: { next: [seconds(1), seconds(5)] } };
      expect(settings.backoffPolicy).toEqual({ maxAttempts: 3, strategy });
      stream.end();
    });

    it("tells clients that know no lists of backoffs a series", async () => {
      const group = await grpc.group({ backoff: [2, 30, 60] });
      for (const language of ["HTTP", "NODE_JS"]) {
        const stream = grpc.client({ language }).telemetry();
        const { backoffPolicy } = settingsOf(await stream.settings(consumerSettings(group)));
        const value = { initial: seconds(2), max: seconds(60), multiplier: 2 };
        expect(backoffPolicy?.strategy).toEqual({ $case: "exponentialBackoff", value });
        stream.end();
      }
    });

    it("tells every client the series of a group that has one", async () => {
      const group = await grpc.group({ backoff: { initialSeconds: 1, multiplier: 3, maxSeconds: 90 } });
      const stream = grpc.client({ language: "GO" }).telemetry();
      const { backoffPolicy } = settingsOf(await stream.settings(consumerSettings(group)));
      const value = { initial: seconds(1), max: seconds(90), multiplier: 3 };
      expect(backoffPolicy?.strategy).toEqual({ $case: "exponentialBackoff", value });
      stream.end();
    });

    it("lets a consumer keep the order where its group does, and where a topic does", async () => {
      const [fifoTopic, topic] = await Promise.all([grpc.topic({ type: "FIFO" }), grpc.topic()]);
      const [ordered, plain] = await Promise.all([grpc.group({ ordered: true }), grpc.group()]);
      const stream = grpc.client().telemetry();
      expect(subscriptionOf(await stream.settings(consumerSettings(ordered, { [topic]: tagFilter("*") }))).fifo).toBe(true);
      expect(subscriptionOf(await stream.settings(consumerSettings(plain, { [fifoTopic]: tagFilter("*") })))).toMatchObject({
        fifo: true,
        receiveBatchSize: 32,
      });
      stream.end();
    });

    it("gives a Go consumer that keeps an order one message at a time", async () => {
      const group = await grpc.group({ ordered: true });
      const stream = grpc.client({ language: "GO" }).telemetry();
      expect(subscriptionOf(await stream.settings(consumerSettings(group)))).toMatchObject({ fifo: true, receiveBatchSize: 1 });
      stream.end();
    });

    it("makes an unknown group, or refuses it, as its settings say", async () => {
      const [topic, group] = [await grpc.topic(), uniqueName("group")];
      const stream = grpc.client().telemetry();
      const answer = await stream.settings(consumerSettings(group, { [topic]: tagFilter("a || b") }));
      const found = await grpc.api.get(`/v1/groups/${group}`);
      if (grpc.target.makesGroups) {
        expect(settingsOf(answer).pubSub?.$case).toBe("subscription");
        expect(found.json.subscriptions).toMatchObject([{ topic, filter: { type: "TAG", expression: "a || b" } }]);
      } else {
        expect(answer).toMatchObject({ status: { code: 40_403 }, command: undefined });
        expect(found.status).toBe(404);
      }
      stream.end();
    });

    it("makes no group at all for a topic that is not there, but says so where its route is asked", async () => {
      const group = await grpc.group();
      const stream = grpc.client().telemetry();
      const absent = uniqueName("absent");
      expect(settingsOf(await stream.settings(consumerSettings(group, { [absent]: tagFilter("*") })))).toBeDefined();
      expect((await grpc.api.get(`/v1/groups/${group}`)).json.subscriptions).toEqual([]);
      stream.end();
    });

    it("counts the last settings that were said, and says what is wrong with others", async () => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group()]);
      const stream = grpc.client().telemetry();
      const filterOf = async () => (await grpc.api.get(`/v1/groups/${group}/subscriptions/${topic}`)).json.filter;
      await stream.settings(consumerSettings(group, { [topic]: tagFilter("a") }));
      expect(await filterOf()).toEqual({ type: "TAG", expression: "a" });
      await stream.settings(consumerSettings(group, { [topic]: sqlFilter("x > 1") }));
      expect(await filterOf()).toEqual({ type: "SQL92", expression: "x > 1" });
      const wrong = await stream.settings(consumerSettings(group, { [topic]: sqlFilter("x >") }));
      expect(wrong).toMatchObject({ status: { code: 40_010 }, command: undefined });
      expect(await filterOf()).toEqual({ type: "SQL92", expression: "x > 1" });
      expect((await stream.settings(consumerSettings("no group", {}))).status?.code).toBe(40_003);
      expect((await stream.settings(consumerSettings(group, { "no topic": tagFilter("*") }))).status?.code).toBe(40_002);
      expect((await stream.settings({ ...producerSettings(topic), pubSub: undefined })).status?.code).toBe(40_000);
      // The stream lives on.
      expect(settingsOf(await stream.settings(producerSettings(topic))).pubSub?.$case).toBe("publishing");
      stream.end();
    });

    it("says nothing to results of commands", async () => {
      const stream = grpc.client().telemetry();
      stream.write({ command: { $case: "threadStackTrace", value: { nonce: "x" } } });
      stream.write({ command: undefined });
      const answer = await stream.settings(producerSettings());
      expect(settingsOf(answer).pubSub?.$case).toBe("publishing");
      stream.end();
    });

    it("refuses more topics than a client may name", async () => {
      const group = await grpc.group();
      const stream = grpc.client().telemetry();
      const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`topic-${at}`, tagFilter("*")]));
      expect(await stream.settings(consumerSettings(group, many))).toMatchObject({ status: { code: 40_000 } });
      stream.end();
    });

    it("starts a new group at the topic's first message", async () => {
      const [topic, group] = await Promise.all([grpc.topic(), grpc.group()]);
      const client = grpc.client();
      await send(client, topic, { body: "before" });
      const messages = await receiveCount(client, group, topic, 1);
      expect(bodiesOf(messages)).toEqual(["before"]);
      expect((await receive(client, group, topic, { waitMs: 0 })).code).toBe(40_401);
    });
  });
}
