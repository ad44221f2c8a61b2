import { Client, credentials } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { type HealthCheckResponse, HealthService } from "../../functions/grpc/generated/grpc/health/v1/health.ts";
import { memoryStores } from "../support/aws/function-fixture.ts";
import { startGrpcTestServer } from "./grpc-test-server.ts";
import { RawClient } from "./raw-client.ts";
import { bodiesOf, producerSettings, receive, receiveCount, send } from "./requests.ts";

it("a server that stops ends polls and streams, tells those that watch it, and has lost nothing", async () => {
  const server = await startGrpcTestServer();
  const client = new RawClient(server.address);
  for (const topic of ["busy", "idle"]) await server.broker.putTopic(topic, {});
  const sent = await send(client, "busy", { body: "kept" });
  expect(sent.status?.code).toBe(20_000);
  expect(bodiesOf(await receiveCount(client, "group", "busy", 1))).toEqual(["kept"]);
  const stream = client.telemetry();
  expect((await stream.settings(producerSettings("busy"))).status?.code).toBe(20_000);
  const newer = client.telemetry();
  expect((await newer.settings(producerSettings("busy"))).status?.code).toBe(20_000);
  const watching = new Client(server.address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = HealthService.watch;
  const watch = watching.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: "" });
  const statuses: number[] = [];
  const serving = new Promise<void>((resolve) => watch.once("data", () => resolve()));
  const watched = new Promise<void>((resolve) => {
    watch.on("data", ({ status }: HealthCheckResponse) => statuses.push(status));
    watch.on("end", resolve);
    watch.on("error", () => resolve());
  });
  await serving;
  const poll = receive(client, "group", "idle", { waitMs: 19_000 });
  // The subscription is there once the poll waits.
  while ((await server.broker.getGroup("group")).subscriptions.length < 2)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const startedAtMs = Date.now();
  const stopped = server.stop();
  expect((await poll).code).toBe(40_401);
  for (const one of [stream, newer]) expect(await one.next()).toBeUndefined();
  await watched;
  // SERVING, and then NOT_SERVING.
  expect(statuses).toEqual([1, 2]);
  await stopped;
  expect(Date.now() - startedAtMs).toBeLessThan(3_000);
  expect(server.failures).toEqual([]);
  await expect(client.call("heartbeat", { clientType: 1 }, { deadlineMs: 1_000 })).rejects.toBeDefined();
  client.close();
  watching.close();
}, 20_000);

it("a server that stops at once cuts calls off, and closes its store when they have ended", async () => {
  const stores = memoryStores();
  let running = 0;
  let runningAtClose: number | undefined;
  const slowly = async <T>(write: Promise<T>): Promise<T> => {
    running++;
    await new Promise((resolve) => setTimeout(resolve, 300));
    running--;
    return write;
  };
  const server = await startGrpcTestServer({
    ...stores,
    items: {
      get: (key, options) => stores.items.get(key, options),
      batchGet: (keys, options) => stores.items.batchGet(keys, options),
      query: (query) => stores.items.query(query),
      put: (item, options) => slowly(stores.items.put(item, options)),
      update: (key, changes, options) => slowly(stores.items.update(key, changes, options)),
      delete: (key, options) => slowly(stores.items.delete(key, options)),
      transact: (writes, options) => slowly(stores.items.transact(writes, options)),
    },
    close() {
      runningAtClose = running;
      return Promise.resolve();
    },
  });
  const client = new RawClient(server.address);
  await server.broker.putTopic("orders", {});
  const sent = send(client, "orders", { body: "cut off" });
  // It may be answered or not.
  const ended = sent.catch(() => undefined);
  while (running === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await server.stop(0);
  expect(runningAtClose).toBe(0);
  await ended;
  client.close();
});
