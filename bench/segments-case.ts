import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { EmbeddedItemStore } from "../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../adapters/embedded/embedded-object-store.ts";
import { SOLE_PROCESS } from "../core/broker-settings.ts";
import { PULL_BYTES_MAX, PULL_MESSAGES_MAX } from "../core/limits.ts";
import { createSystemRandom } from "../functions/runtime/random.ts";
import { startBroker as startBrokerHere } from "../functions/stores/start-broker.ts";
import { folderBytes } from "./folder-size.ts";
import type { PullJob, SendJob } from "./job.ts";
import { lookUpOverHttp, type Names } from "./lookups.ts";
import { peakMemoryDuring } from "./memory.ts";
import { MessageHash } from "./message-hash.ts";
import type { Options } from "./options.ts";
import { figureRow, jobRow, type Row, rateRow, startRow } from "./row.ts";
import { runJob } from "./run-job.ts";
import { put, startBroker, withFolder } from "./servers.ts";

const TOPIC = "rolled";
const QUEUES = 8;
const BATCH = 8;
const SENDERS = 8;
const LOOK_MS = 5_000;
/** After the last send. */
const WATCH_MS = 5 * 60_000;
/** A copied block is dropped a minute later, so all is over when nothing has changed for longer. */
const STILL_MS = 95_000;
const LOOKUPS = 1_000;
const MB = 1e6;
const TARGETS = { dataOverPayload: 1.15, itemsMb: 128, rssAnonMb: 300, restartMs: 1_000, coldPerSecond: 40_000 } as const;

interface Sizes {
  readonly afterMs: number;
  readonly dataOverPayload: number;
  readonly itemsMb: number;
}

/**
 * What becomes of a backlog on a disk: it is sent in calls of 8 with keys, while a reader follows, and then nobody sends for five minutes.
 * Then the server is killed, starts again, and everything is read once more. Both readers must have got the same.
 */
export function segmentsCase(options: Options): Promise<readonly Row[]> {
  const messages = options.backlog ?? 1_000_000;
  return withFolder(async (folder) => {
    const data = join(folder, "data");
    const payload = messages * options.bodyBytes;
    const sizesAt = (sinceMs: number): Sizes => ({
      afterMs: performance.now() - sinceMs,
      dataOverPayload: folderBytes(data) / payload,
      itemsMb: folderBytes(join(data, "items")) / MB,
    });
    const pullJob: Omit<PullJob, "url"> = { kind: "pull", topic: TOPIC, messages, concurrency: QUEUES };
    let server = await startBroker(folder);
    try {
      await put(server.url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues: QUEUES });
      const send: SendJob = {
        kind: "send",
        url: server.url,
        topic: TOPIC,
        batch: BATCH,
        keys: true,
        bodyBytes: options.bodyBytes,
        concurrency: SENDERS,
        until: { messages },
      };
      const written = await peakMemoryDuring(server.pid, async () => {
        const [sent, followed] = await Promise.all([runJob(send), runJob({ ...pullJob, url: server.url })]);
        const sizes = await watch(sizesAt);
        return { sent, followed, sizes };
      });
      const { sent, followed, sizes } = written.result;
      await server.kill();
      server = await startBroker(folder);
      const restartMs = server.startMs;
      const pulled = await peakMemoryDuring(server.pid, () => runJob({ ...pullJob, url: server.url }));
      await server.stop();
      const cold = await coldPull(data, messages);
      server = await startBroker(folder);
      const lookups = await lookUpOverHttp(server.url, TOPIC, cold.names);
      await server.stop();

      const last = sizes.at(-1) as Sizes;
      const name = messages.toLocaleString("en-US");
      const same = (hashes: readonly string[] | undefined): Record<string, number> =>
        JSON.stringify(hashes) === JSON.stringify(followed.hashes) ? {} : { "another hash than while it was sent": 1 };
      return [
        jobRow(`send ${name} in calls of ${BATCH}, followed by a reader`, SENDERS, sent, written),
        figureRow(`MB of memory until it is rolled; target ≤ ${TARGETS.rssAnonMb}`, written.rssAnonMb),
        figureRow(`data over payload; target ≤ ${TARGETS.dataOverPayload}`, last.dataOverPayload),
        figureRow(`MB of items; target ≤ ${TARGETS.itemsMb}`, last.itemsMb),
        figureRow("s after the last send until both; target ≤ 300", reachedAfter(sizes)),
        startRow(`restart after kill -9; target ≤ ${TARGETS.restartMs} ms`, restartMs),
        {
          ...jobRow("cold pull over HTTP", QUEUES, pulled.result, pulled),
          errors: { ...pulled.result.errors, ...same(pulled.result.hashes) },
        },
        { ...rateRow(`cold pull in process; target ≥ ${TARGETS.coldPerSecond}/s`, 1, cold.perSecond), errors: same(cold.hashes) },
        figureRow("messages per object read; target ≥ 800", cold.perObjectRead),
        ...lookups,
        figureRow("most object reads of a lookup by key; target ≤ 40", cold.lookupReads),
      ];
    } finally {
      await server.stop();
    }
  });
}

async function watch(sizesAt: (sinceMs: number) => Sizes): Promise<readonly Sizes[]> {
  const sinceMs = performance.now();
  const sizes: Sizes[] = [];
  for (;;) {
    const now = sizesAt(sinceMs);
    sizes.push(now);
    console.error(
      `  ${Math.round(now.afterMs / 1_000)} s after the last send: data ${now.dataOverPayload.toFixed(3)} × payload, items ${now.itemsMb.toFixed(0)} MB`,
    );
    const before = sizes.findLast(({ afterMs }) => afterMs <= now.afterMs - STILL_MS);
    const isStill = before !== undefined && sizes.slice(sizes.indexOf(before)).every((one) => isAlike(one, now));
    if (now.afterMs >= WATCH_MS || (isStill && isReached(now))) return sizes;
    await sleep(LOOK_MS);
  }
}

const isReached = ({ dataOverPayload, itemsMb }: Sizes): boolean =>
  dataOverPayload <= TARGETS.dataOverPayload && itemsMb <= TARGETS.itemsMb;

const isAlike = (one: Sizes, other: Sizes): boolean =>
  one.itemsMb === other.itemsMb && one.dataOverPayload === other.dataOverPayload;

/** The last time that they were not reached counts. */
const reachedAfter = (sizes: readonly Sizes[]): number =>
  (sizes[sizes.findLastIndex((one) => !isReached(one)) + 1]?.afterMs ?? Number.POSITIVE_INFINITY) / 1_000;

interface ColdPull {
  readonly perSecond: number;
  readonly perObjectRead: number;
  readonly hashes: readonly string[];
  /** Of messages anywhere. */
  readonly names: readonly Names[];
  /** The most that one lookup by key took. */
  readonly lookupReads: number;
}

/** Reads queue after queue, in this process, which has read nothing of the folder before. */
async function coldPull(data: string, messages: number): Promise<ColdPull> {
  let objectReads = 0;
  const telemetry = {
    consumed: ({ store, operation }: { readonly store: string; readonly operation: string }): void => {
      if (store === "objects" && operation === "getRange") objectReads += 1;
    },
  };
  const items = await EmbeddedItemStore.open(data, { telemetry });
  const objects = await EmbeddedObjectStore.open(data, { space: items.space, telemetry });
  const stores = { items, objects, settings: SOLE_PROCESS, close: () => items.close() };
  const broker = await startBrokerHere(stores, { random: createSystemRandom() });
  try {
    const hashes: string[] = [];
    const names: Names[] = [];
    let read = 0;
    const startedAt = performance.now();
    for (let queueId = 0; queueId < QUEUES; queueId++) {
      const hash = new MessageHash();
      for (let offset = 0, end = 1; offset < end; ) {
        const request = { from: { offset }, limit: PULL_MESSAGES_MAX, maxBytes: PULL_BYTES_MAX, waitMs: 0 };
        const result = await broker.pullMessages(TOPIC, queueId, request);
        if (result.status === "OFFSET_ILLEGAL") throw new Error(`queue ${queueId} has no offset ${offset}`);
        for (const message of result.messages)
          hash.add(message.messageId, String(message.offset), message.storedAtMs, Buffer.from(message.body).toString("utf8"));
        const any = result.messages[Math.floor(Math.random() * result.messages.length)];
        if (any?.keys[0] && Math.random() < (LOOKUPS * PULL_MESSAGES_MAX) / messages)
          names.push({ key: any.keys[0], messageId: any.messageId });
        read += result.messages.length;
        offset = result.nextOffset;
        end = result.maxOffset;
      }
      hashes.push(hash.digest());
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    if (read !== messages) throw new Error(`${read} of ${messages} messages were read`);
    const perObjectRead = read / objectReads;
    let lookupReads = 0;
    for (const { key } of names.slice(0, LOOKUPS)) {
      objectReads = 0;
      await broker.queryMessages(TOPIC, { key, limit: 32, maxBytes: PULL_BYTES_MAX });
      lookupReads = Math.max(lookupReads, objectReads);
    }
    return { perSecond: read / seconds, perObjectRead, hashes, names: names.slice(0, LOOKUPS), lookupReads };
  } finally {
    broker.stop();
    await stores.close();
  }
}
