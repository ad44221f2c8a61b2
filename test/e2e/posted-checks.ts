import { readFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type Certificates, ENDPOINT_ADDRESSES } from "./certificates.ts";
import type { DeployedApi } from "./deployed-api.ts";
import { type JsonClient, withJsonClient } from "./json-client.ts";

const TOPIC = "payments";
const CHECK_AFTER_SECONDS = 6;
/** Left to the endpoint that never answers, first. */
const DEAD_TRANSACTIONS = 20;
/** The scanner may have to be started, on a machine that plays all of AWS. */
const CHECK_MS_MAX = 30_000;

interface Endpoint {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Leaves transactions of two producer groups undecided: many of one whose endpoint accepts connections and never answers, then one of a
 * group whose endpoint commits. Errors: when that one is not asked about, or not delivered.
 */
export async function checkPostedChecks(api: DeployedApi, certificates: Certificates): Promise<string> {
  let calls = 0;
  const dead = await startDead(() => calls++);
  const askedMs = new Map<string, number>();
  const live = await startLive(certificates, (transactionId) => askedMs.set(transactionId, Date.now()));
  try {
    return await withJsonClient(api, async (client) => {
      await setUp(client, { dead, live });
      for (let sent = 0; sent < DEAD_TRANSACTIONS; sent++) await leave(client, "dead");
      const id = await leave(client, "live");
      const dueMs = Date.now() + CHECK_AFTER_SECONDS * 1_000;
      while (!askedMs.has(id) && Date.now() < dueMs + CHECK_MS_MAX) await sleep(100);
      const lateMs = (askedMs.get(id) ?? Number.POSITIVE_INFINITY) - dueMs;
      if (lateMs > CHECK_MS_MAX) throw new Error(`the live endpoint was not asked; the dead one was called ${calls} times`);
      const { messages } = await client.call("POST", `/v1/groups/${TOPIC}/receive`, { waitSeconds: 20 });
      if (messages[0]?.body !== "live") throw new Error("its endpoint committed it, and it was not received");
      if (calls === 0) throw new Error("the dead endpoint was never called");
      return `asked ${lateMs} ms late beside an endpoint that was called ${calls} times and never answered`;
    });
  } finally {
    await Promise.all([dead.close(), live.close()]);
  }
}

async function setUp({ call }: JsonClient, endpoints: Readonly<Record<string, Endpoint>>): Promise<void> {
  await call("PUT", `/v1/topics/${TOPIC}`, { type: "TRANSACTION" });
  await call("PUT", `/v1/groups/${TOPIC}`, {});
  await call("PUT", `/v1/groups/${TOPIC}/subscriptions/${TOPIC}`, { startFrom: "earliest" });
  for (const [name, { url }] of Object.entries(endpoints)) await call("PUT", `/v1/producer-groups/${name}`, { url });
}

async function leave({ call }: JsonClient, producerGroup: string): Promise<string> {
  const half = { body: producerGroup, producerGroup, checkAfterSeconds: CHECK_AFTER_SECONDS };
  const { transactionId } = await call("POST", `/v1/topics/${TOPIC}/transactions`, half);
  return transactionId;
}

/** Accepts connections, and says nothing. */
async function startDead(called: () => void): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    called();
    sockets.add(socket);
    // Whoever called gives up.
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, ENDPOINT_ADDRESSES.dead, resolve));
  return {
    url: `https://${ENDPOINT_ADDRESSES.dead}:${(server.address() as AddressInfo).port}/checks`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Commits whatever it is asked about. */
async function startLive(certificates: Certificates, asked: (transactionId: string) => void): Promise<Endpoint> {
  const { certificate, key } = certificates;
  const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, async (request, response) => {
    const { data } = (await json(request)) as { data: { transactionId: string } };
    asked(data.transactionId);
    response.end('{"resolution":"commit"}');
  });
  await new Promise<void>((resolve) => server.listen(0, ENDPOINT_ADDRESSES.live, resolve));
  return {
    url: `https://${ENDPOINT_ADDRESSES.live}:${(server.address() as AddressInfo).port}/checks`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
