import { setTimeout as sleep } from "node:timers/promises";
import { type HttpClient, type HttpReply, type HttpServer, httpClient } from "../support/http/http-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { AuditedGroup } from "./audit.ts";
import { type Consuming, consume, drainOnce, HELD_SECONDS_MAX } from "./consumer.ts";
import { fingerprint } from "./fingerprint.ts";
import type { HistoryEvent, SettledEvent } from "./history.ts";

export const TOPIC = "crash";
export const QUEUES = 4;
export interface LoadGroup extends AuditedGroup {
  readonly maxAttempts: number;
}
/** Where messages may die the audit wants acks or dead letters; elsewhere acks alone. */
export const GROUPS: readonly LoadGroup[] = [
  { name: "first", maxAttempts: 1_000 },
  { name: "tagged", maxAttempts: 1_000, tag: "even" },
  { name: "dying", maxAttempts: 2 },
];

const SENDERS = 4;
const BATCHERS = 2;
const CONSUMERS_PER_GROUP = 2;
/** Of the messages that are kept in order. */
const MESSAGE_GROUPS = 6;
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
  const answered = new Map(GROUPS.map(({ name }) => [name, new Set<SettledEvent["action"]>()]));
  await Promise.all([
    ...Array.from({ length: SENDERS }, () => repeat(worker("sender"), sendOne)),
    ...Array.from({ length: BATCHERS }, () => repeat(worker("batcher"), sendBatch)),
    ...GROUPS.flatMap((group) =>
      Array.from({ length: CONSUMERS_PER_GROUP }, () =>
        repeat(worker(`${group.name}-consumer`), (one) => consume(consuming(one, group, answered.get(group.name)))),
      ),
    ),
  ]);
  await http.close();
};

/**
 * Receives and acks everything that `group` can still get; ends when a wait longer than any hold brought nothing.
 * `clockMarginSeconds`: what the server adds to a lease for clocks that differ.
 */
export const drain = async (settings: LoadSettings, group: LoadGroup, clockMarginSeconds = 0): Promise<void> => {
  const http = httpClient(settings.server, { connections: 1 });
  const one: Worker = { name: `${group.name}-drainer`, http, settings, random: new SeededRandom(settings.seed) };
  for (let failures = 0; failures < DRAIN_FAILURES_MAX; ) {
    const received = await drainOnce(consuming(one, group), HELD_SECONDS_MAX + clockMarginSeconds + 1);
    if (received === undefined) failures += 1;
    else if (received === 0) break;
  }
  await http.close();
};

const consuming = (one: Worker, group: LoadGroup, answered = new Set<SettledEvent["action"]>()): Consuming => ({
  name: one.name,
  group: group.name,
  mayDie: group.maxAttempts <= 2,
  random: one.random,
  answered,
  post: (path, request) => call(one, path, request, 200),
  record: one.settings.record,
  unexpected: (what) => unexpected(one, what),
});

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

/** Half of all messages are kept in order, and half are for everybody. */
const place = ({ random }: Worker) => ({
  tag: random.chance(0.5) ? "even" : "odd",
  ...(random.chance(0.5) ? { messageGroup: `line-${random.integer(0, MESSAGE_GROUPS - 1)}` } : {}),
});

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
  const result = await call(one, `/v1/topics/${TOPIC}/messages`, { body: sent, ...place(one) }, 201);
  if (result === undefined) one.settings.record({ kind: "sendUnknown", body: fingerprint(sent) });
  else recordSent(one, sent, result);
};

/** Mostly small; one in six goes over the size of an inline frame, one in twenty far over it. */
const sendBatch = async (one: Worker, turn: number): Promise<void> => {
  const entryBytes = one.random.chance(0.05) ? 300_000 : one.random.chance(0.17) ? 15_000 : one.random.integer(1, 800);
  const count = entryBytes > 100_000 ? one.random.integer(1, 3) : one.random.integer(2, 20);
  const bodies = Array.from({ length: count }, (_, index) => body(one, `${turn}.${index}`, entryBytes));
  const entries = bodies.map((sent) => ({ body: sent, ...place(one) }));
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
