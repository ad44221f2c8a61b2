import { describe, expect, it } from "vitest";
import { AddressScheme, MessageType } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { uniqueName } from "../../support/http/http-api.ts";
import type { RawClient } from "../raw-client.ts";
import { resource } from "../requests.ts";
import type { Surroundings } from "./surroundings.ts";

const ENDPOINTS = { scheme: AddressScheme.DOMAIN_NAME, addresses: [{ host: "broker.example", port: 8_081 }] };
const { NORMAL, FIFO, DELAY, TRANSACTION, PRIORITY } = MessageType;

const route = (client: RawClient, topic: string, resourceNamespace = "") =>
  client.call("queryRoute", { topic: { resourceNamespace, name: topic }, endpoints: ENDPOINTS });

export function routeTests(grpc: Surroundings): void {
  describe("QueryRoute", () => {
    it("answers every queue, with the id and the broker that clients need, at the address that they came by", async () => {
      const topic = await grpc.topic({ queues: 3 });
      const { status, messageQueues } = await route(grpc.client(), topic);
      expect(status?.code).toBe(20_000);
      const queue = (id: number) => ({
        topic: resource(topic),
        id,
        permission: 4,
        broker: { name: expect.stringMatching(/./), id: 0, endpoints: ENDPOINTS },
        acceptMessageTypes: [NORMAL],
      });
      // Some clients use queue 0 alone.
      expect(messageQueues).toEqual([queue(0), queue(1), queue(2)]);
    });

    it("says which queues are read only, since the topic has fewer to write to", async () => {
      const [client, topic] = [grpc.client(), await grpc.topic({ writeQueues: 1, readQueues: 2 })];
      expect((await route(client, topic)).messageQueues.map(({ permission }) => permission)).toEqual([4, 2]);
    });

    it.each([
      ["NORMAL", [NORMAL]],
      ["FIFO", [FIFO]],
      ["DELAY", [DELAY]],
      ["TRANSACTION", [TRANSACTION]],
      ["PRIORITY", [PRIORITY]],
      ["MIXED", [NORMAL, FIFO, DELAY, TRANSACTION]],
    ])("says which messages a topic of type %s takes", async (type, accepted) => {
      const { messageQueues } = await route(grpc.client(), await grpc.topic({ type }));
      expect(messageQueues[0]?.acceptMessageTypes).toEqual(accepted);
    });

    it.each([
      [2, 3],
      [4, 2],
      [6, 4],
    ])("shows perm %i as permission %i", async (perm, permission) => {
      const { messageQueues } = await route(grpc.client(), await grpc.topic({ perm }));
      expect(messageQueues[0]?.permission).toBe(permission);
    });

    it("does not know an unknown topic, and no name that is none", async () => {
      const client = grpc.client();
      const unknown = await route(client, uniqueName("absent"));
      expect(unknown).toMatchObject({ status: { code: 40_402, message: expect.stringMatching(/./) }, messageQueues: [] });
      for (const name of ["", "no spaces", "x".repeat(65), "%RETRY%group"])
        expect((await route(client, name)).status?.code, name).toBe(40_002);
      expect((await client.call("queryRoute", { topic: undefined, endpoints: undefined })).status?.code).toBe(40_002);
    });

    it("ignores namespaces", async () => {
      const topic = await grpc.topic();
      const { status, messageQueues } = await route(grpc.client(), topic, "elsewhere");
      expect([status?.code, messageQueues[0]?.topic]).toEqual([20_000, resource(topic)]);
    });
  });

  describe("QueryAssignment", () => {
    it("assigns a push consumer all of the topic at once, in order or not", async () => {
      const client = grpc.client();
      for (const type of ["NORMAL", "FIFO"]) {
        const topic = await grpc.topic({ type, queues: 4 });
        const request = { topic: resource(topic), group: resource(uniqueName("group")), endpoints: ENDPOINTS };
        const { status, assignments } = await client.call("queryAssignment", request);
        expect(status?.code).toBe(20_000);
        expect(assignments).toMatchObject([
          { messageQueue: { id: -1, topic: resource(topic), broker: { endpoints: ENDPOINTS } } },
        ]);
      }
    });

    it("refuses topics that are not there, and groups whose name is none", async () => {
      const client = grpc.client();
      const topic = resource(await grpc.topic());
      const absent = { topic: resource(uniqueName("absent")), group: resource("group"), endpoints: undefined };
      expect((await client.call("queryAssignment", absent)).status?.code).toBe(40_402);
      const unnamed = { topic, group: resource(""), endpoints: undefined };
      expect((await client.call("queryAssignment", unnamed)).status?.code).toBe(40_003);
    });
  });

  it("answers heartbeats of groups and of producers", async () => {
    const client = grpc.client();
    expect((await client.call("heartbeat", { group: resource("group"), clientType: 2 })).status?.code).toBe(20_000);
    expect((await client.call("heartbeat", { clientType: 1 })).status?.code).toBe(20_000);
  });
}
