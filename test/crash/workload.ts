import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpClient, type HttpReply, type HttpServer, httpClient } from "../support/http-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { DeliveredEvent, HistoryEvent, SettledEvent } from "./history.ts";

export const TOPIC = "crash";
export const QUEUES = 4;
export const GROUPS = ["first", "second"] as const;
/** The longest a message can stay out of reach: its lease, or a nack's delay. */
export const HELD_SECONDS_MAX = 2;

const SENDERS = 4;
const BATCHERS = 2;
const CONSUMERS_PER_GROUP = 3;
/** Each is recorded as a violation; then the drain gives up. */
const DRAIN_FAILURES_MAX = 20;
/** Text that does not compress: what is sent large is stored large. */
const NOISE = Buffer.from(new SeededRandom(1).bytes(768 * 1_024)).toString("base64");
const CONNECTIONS = SENDERS + BATCHERS + CONSUMERS_PER_GROUP * GROUPS.length;

export interface LoadSettings {
  readonly server: string | HttpServer;
  /** Tells bodies of this round from those of any other. */
  readonly round: number;
  readonly seed: number;
  readonly record: (event: HistoryEvent) => void;
  readonly signal: AbortSignal;
}

interface Worker {
  readonly name: string;
  readonly http: HttpClient;
  readonly random: SeededRandom;
  readonly settings: LoadSettings;
}

/** Producers and consumers side by side, until the signal; requests cut off by then are recorded as unknown. */
export const runLoad = async (settings: LoadSettings): Promise<void> => {
  const http = httpClient(settings.server, { connections: CONNECTIONS });
  let workers = 0;
  const worker = (name: string): Worker => {
    workers += 1;
    return {
      name: `${name}-${workers}`,
      http,
      settings,
      random: new SeededRandom(settings.seed * 1_009 + settings.round * 97 + workers),
    };
  };
  const repeat = async (one: Worker, step: (one: Worker, turn: number) => Promise<void>): Promise<void> => {
    for (let turn = 0; !settings.signal.aborted; turn++) {
      await step(one, turn);
      await sleep(one.random.integer(0, 4));
    }
  };
  await Promise.all([
    ...Array.from({ length: SENDERS }, () => repeat(worker("sender"), sendOne)),
    ...Array.from({ length: BATCHERS }, () => repeat(worker("batcher"), sendBatch)),
    ...GROUPS.flatMap((group) =>
      Array.from({ length: CONSUMERS_PER_GROUP }, () => repeat(worker(`${group}-consumer`), (one) => consume(one, group))),
    ),
  ]);
  await http.close();
};

/**
 * Receives and acks everything that `group` can still get; ends when a wait longer than any hold brought nothing.
 * `clockMarginSeconds`: what the server adds to a lease for clocks that differ.
 */
export const drain = async (settings: LoadSettings, group: string, clockMarginSeconds = 0): Promise<void> => {
  const http = httpClient(settings.server, { connections: 1 });
  const one: Worker = { name: `${group}-drainer`, http, settings, random: new SeededRandom(settings.seed) };
  const request = { max: 32, waitSeconds: HELD_SECONDS_MAX + clockMarginSeconds + 1, leaseSeconds: HELD_SECONDS_MAX };
  for (let failures = 0; failures < DRAIN_FAILURES_MAX; ) {
    const deliveries = await receive(one, group, request);
    if (deliveries === undefined) failures += 1;
    else if (deliveries.length === 0) break;
    else await settle(one, group, deliveries, []);
  }
  await http.close();
};

export const fingerprint = (body: string): string => `${body.length}:${createHash("sha1").update(body).digest("base64url")}`;

/** The answer's JSON, or undefined when the outcome is unknown. An answer other than `expected` is recorded as a violation. */
const call = async (
  one: Worker,
  path: string,
  request: unknown,
  expected: number,
): Promise<Record<string, unknown> | undefined> => {
  let reply: HttpReply;
  try {
    reply = await one.http.request("POST", path, JSON.stringify(request));
  } catch (error) {
    // While the server lives, no connection may break.
    if (!one.settings.signal.aborted) unexpected(one, `POST ${path}: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
  if (reply.status === expected) return JSON.parse(reply.body.toString("utf8"));
  unexpected(one, `POST ${path}: ${reply.status} ${reply.body.toString("utf8", 0, 300)}`);
  return undefined;
};

const unexpected = (one: Worker, what: string): void => one.settings.record({ kind: "unexpected", what: `${one.name}: ${what}` });

const body = (one: Worker, name: string, bytes: number): string => {
  const from = one.random.integer(0, NOISE.length - bytes);
  return `${one.settings.round}/${one.name}/${name} ${NOISE.slice(from, from + bytes)}`;
};

const recordSent = (one: Worker, sent: string, result: Record<string, unknown>): void => {
  one.settings.record({
    kind: "sent",
    messageId: String(result.messageId),
    queueId: Number(result.queueId),
    offset: Number(result.offset),
    body: fingerprint(sent),
  });
};

const sendOne = async (one: Worker, turn: number): Promise<void> => {
  const sent = body(one, String(turn), one.random.integer(1, 2_000));
  const result = await call(one, `/v1/topics/${TOPIC}/messages`, { body: sent }, 201);
  if (result === undefined) one.settings.record({ kind: "sendUnknown", body: fingerprint(sent) });
  else recordSent(one, sent, result);
};

/** Mostly small; one in six goes over the size of an inline frame, one in twenty far over it. */
const sendBatch = async (one: Worker, turn: number): Promise<void> => {
  const entryBytes = one.random.chance(0.05) ? 300_000 : one.random.chance(0.17) ? 15_000 : one.random.integer(1, 800);
  const count = entryBytes > 100_000 ? one.random.integer(1, 3) : one.random.integer(2, 20);
  const bodies = Array.from({ length: count }, (_, index) => body(one, `${turn}.${index}`, entryBytes));
  const entries = bodies.map((sent) => ({ body: sent }));
  const answer = await call(one, `/v1/topics/${TOPIC}/messages/batch`, { entries }, 200);
  const results = answer?.results as Record<string, unknown>[] | undefined;
  for (const [index, sent] of bodies.entries()) {
    const result = results?.[index];
    if (result?.status === "SEND_OK") recordSent(one, sent, result);
    else {
      one.settings.record({ kind: "sendUnknown", body: fingerprint(sent) });
      if (results !== undefined) unexpected(one, `batch entry: ${JSON.stringify(result)}`);
    }
  }
};

/** What arrived in time to be worked on; undefined when the request failed, which says nothing about what is waiting. */
const receive = async (
  one: Worker,
  group: string,
  request: { readonly max: number; readonly waitSeconds: number; readonly leaseSeconds: number },
): Promise<readonly DeliveredEvent[] | undefined> => {
  const requestedAtMs = Date.now();
  const answer = await call(one, `/v1/groups/${group}/receive`, request, 200);
  const receivedAtMs = Date.now();
  if (answer === undefined) return undefined;
  const messages = answer.messages as Record<string, unknown>[];
  const deliveries = messages.map(
    (message): DeliveredEvent => ({
      kind: "delivered",
      group,
      consumer: one.name,
      messageId: String(message.messageId),
      queueId: Number(message.queueId),
      offset: Number(message.offset),
      body: fingerprint(String(message.body)),
      receiptHandle: String(message.receiptHandle),
      requestedAtMs,
      receivedAtMs,
      leaseUntilMs: Date.parse(String(message.leaseUntil)),
    }),
  );
  for (const delivery of deliveries) one.settings.record(delivery);
  // As the contract asks of clients: a lease that ended on the way is dropped.
  return deliveries.filter((delivery) => delivery.leaseUntilMs > receivedAtMs);
};

const consume = async (one: Worker, group: string): Promise<void> => {
  const { random } = one;
  const max = random.integer(1, 32);
  const deliveries = await receive(one, group, {
    max,
    waitSeconds: random.integer(0, 1),
    leaseSeconds: random.integer(1, HELD_SECONDS_MAX),
  });
  const chosen = (deliveries ?? []).map((delivery) => ({ delivery, choice: random.fraction() }));
  // Some are left to their lease.
  const acks = chosen.filter(({ choice }) => choice < 0.85).map(({ delivery }) => delivery);
  const nacks = chosen.filter(({ choice }) => choice >= 0.95).map(({ delivery }) => delivery);
  if (acks.length + nacks.length > 0) await settle(one, group, acks, nacks);
};

/** Through /ack or /settle, whichever fits and luck has it. */
const settle = async (
  one: Worker,
  group: string,
  acks: readonly DeliveredEvent[],
  nacks: readonly DeliveredEvent[],
): Promise<void> => {
  const requestedAtMs = Date.now();
  const handle = ({ receiptHandle }: DeliveredEvent) => receiptHandle;
  const answer =
    nacks.length === 0 && one.random.chance(0.5)
      ? await call(one, `/v1/groups/${group}/ack`, { receiptHandles: acks.map(handle) }, 200)
      : await call(
          one,
          `/v1/groups/${group}/settle`,
          {
            acks: acks.map((delivery) => ({ receiptHandle: handle(delivery) })),
            nacks: nacks.map((delivery) => ({ receiptHandle: handle(delivery), delaySeconds: one.random.integer(0, 1) })),
          },
          200,
        );
  const answeredAtMs = Date.now();
  const results = answer?.results as Record<string, unknown>[] | undefined;
  for (const [index, delivery] of [...acks, ...nacks].entries()) {
    const action = index < acks.length ? "ack" : "nack";
    const outcome = outcomeOf(results?.[index], action);
    if (outcome === undefined) unexpected(one, `${action} of ${delivery.messageId}: ${JSON.stringify(results?.[index])}`);
    const { receiptHandle } = delivery;
    one.settings.record({
      kind: "settled",
      group,
      receiptHandle,
      action,
      outcome: outcome ?? "unknown",
      requestedAtMs,
      answeredAtMs,
    });
  }
};

/** Undefined for an answer that no settle should get. */
const outcomeOf = (result: Record<string, unknown> | undefined, action: "ack" | "nack"): SettledEvent["outcome"] | undefined => {
  if (result === undefined) return "unknown";
  if (result.status === `${action}ed`) return "done";
  const error = result.error as { code?: string } | undefined;
  return error?.code === "LEASE_LOST" ? "leaseLost" : undefined;
};
