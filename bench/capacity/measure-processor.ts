import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connectAws } from "../../adapters/aws/connect-aws.ts";
import type { Consumption } from "../../adapters/telemetry.ts";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import { createBroker } from "../../core/create-broker.ts";
import { timersPk } from "../../core/keys.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { TIMER_SHARDS, TIMERS_PER_PAGE } from "../../core/timer/timer-limits.ts";
import { systemClock } from "../../functions/runtime/clock.ts";
import { deflateCompressor } from "../../functions/runtime/compressor.ts";
import { createSystemRandom } from "../../functions/runtime/random.ts";
import { hmacSigner } from "../../functions/runtime/signer.ts";
import { createBucket } from "../../test/support/aws/create-bucket.ts";
import { createTable } from "../../test/support/aws/create-table.ts";
import { dynamoDbBinary, startDynamoDbServer } from "../../test/support/aws/dynamodb-server.ts";
import { type DueChecks, fillDueChecks } from "./due-checks.ts";
import { type DueTimers, fillDueTimers } from "./due-timers.ts";
import { Fired } from "./fired.ts";

const CALLS = 2_000;
const TIMERS = 6_000;
const LARGE_TIMERS = 1_000;
const CHECKS = 1_000;
const AHEAD_MS = 3_600_000;

/** Processor time of a scanner run through the adapter, and what it did. */
export interface MeasuredRun {
  readonly name: string;
  readonly microsecondsPerTimer: number;
  readonly timersRead: number;
  readonly timersPerTransaction: number;
  /** Requests to table and bucket, for each timer. */
  readonly requestsPerTimer: number;
}

/** Measures in turn the adapter's and the broker's processor time in microseconds. Table and bucket are other processes. */
export async function* measureProcessor(): AsyncGenerator<
  MeasuredRun | { readonly call: number } | { readonly timerRead: number }
> {
  const binary = dynamoDbBinary();
  if ("unavailable" in binary) throw new Error(binary.unavailable);
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  const dynamodb = await startDynamoDbServer(binary.path);
  const s3 = fork(fileURLToPath(new URL("./s3-process.ts", import.meta.url)), [], { execArgv: ["--import", "tsx"] });
  try {
    const [s3Endpoint] = (await once(s3, "message")) as [string];
    const measuring = new Measuring(dynamodb.endpoint, s3Endpoint);
    await measuring.start();
    const call = await measuring.call();
    yield { call };
    const small = { count: TIMERS, body: "JSON", bytes: 1_000 } as const;
    yield { timerRead: await measuring.timerRead({ ...small, topics: 1 }, call) };
    yield await measuring.run("1,000 B of JSON, one topic", { ...small, topics: 1 });
    yield await measuring.run("1,000 B of JSON, 40 topics", { ...small, topics: 40 });
    const large = { count: LARGE_TIMERS, body: "random", bytes: 4_000 } as const;
    yield await measuring.run("4,000 B that do not compress, one topic", { ...large, topics: 1 });
    const checks = { count: CHECKS, producerGroups: 1 } as const;
    yield await measuring.checks("checks of transactions that have ended", { ...checks, ended: true });
    yield await measuring.checks("checks that are made", { ...checks, ended: false });
  } finally {
    s3.disconnect();
    await dynamodb.stop();
  }
}

type OpenTable = Awaited<ReturnType<Measuring["open"]>>;

class Measuring {
  readonly #place: {
    readonly region: string;
    readonly bucket: string;
    readonly credentials: Record<"accessKeyId" | "secretAccessKey", string>;
  };
  readonly #dynamodb: string;
  readonly #s3: string;
  #tables = 0;
  #consumed: Consumption[] = [];
  readonly #telemetry = { consumed: (one: Consumption) => void this.#consumed.push(one) };

  constructor(dynamodb: string, s3: string) {
    this.#dynamodb = dynamodb;
    this.#s3 = s3;
    this.#place = { region: "eu-west-1", bucket: "apogee", credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  }

  start(): Promise<void> {
    return createBucket({ ...this.#place, endpoint: this.#s3 });
  }

  async call(): Promise<number> {
    const { items } = await this.open();
    const get = () => items.get({ pk: "nothing", sk: "there" });
    for (let warm = 0; warm < CALLS / 4; warm++) await get();
    const spent = await processorMicroseconds(async () => {
      for (let calls = 0; calls < CALLS; calls += 20) await Promise.all(Array.from({ length: 20 }, get));
    });
    return spent / CALLS;
  }

  /** Without the calls that read them. */
  async timerRead(due: Omit<DueTimers, "dueMs">, call: number): Promise<number> {
    const { items, fill } = await this.open();
    await fill(due);
    let calls = 0;
    let read = 0;
    const spent = await processorMicroseconds(async () => {
      for (let shard = 0; shard < TIMER_SHARDS; shard++) {
        for (let from = ""; ; calls++) {
          const page = await items.query({ pk: timersPk(shard), ...(from !== "" && { from }), limit: TIMERS_PER_PAGE });
          read += page.items.length;
          const last = page.items.at(-1)?.sk;
          if (!page.more || last === undefined) break;
          from = `${last}\u0000`;
        }
      }
    });
    return (spent - calls * call) / read;
  }

  async run(name: string, due: Omit<DueTimers, "dueMs">): Promise<MeasuredRun> {
    const table = await this.open();
    await table.fill(due);
    return this.#scanned(name, due.count, table);
  }

  async checks(name: string, due: Omit<DueChecks, "checkAfterMs">): Promise<MeasuredRun> {
    const table = await this.open();
    await fillDueChecks(await table.open(0), { ...due, checkAfterMs: AHEAD_MS });
    return this.#scanned(name, due.count, table);
  }

  async #scanned(name: string, count: number, { scan, reads }: OpenTable): Promise<MeasuredRun> {
    this.#consumed = [];
    const readBefore = reads();
    const spent = await processorMicroseconds(() => scan(count));
    const transactions = this.#consumed.filter(({ operation }) => operation === "transact").length;
    return {
      name,
      microsecondsPerTimer: spent / count,
      timersRead: (reads() - readBefore) / count,
      timersPerTransaction: count / transactions,
      requestsPerTimer: this.#consumed.reduce((sum, { requests }) => sum + requests, 0) / count,
    };
  }

  /** A new table, and a scanner whose clock is an hour ahead. */
  async open() {
    const place = { ...this.#place, table: `apogee${this.#tables++}` };
    await createTable({ ...place, endpoint: this.#dynamodb });
    const telemetry = this.#telemetry;
    const { items } = connectAws({ ...place, endpoint: this.#dynamodb, telemetry, itemTimeoutMs: 30_000 });
    const { objects } = connectAws({ ...place, endpoint: this.#s3, telemetry, objectTimeoutMs: 30_000 });
    let read = 0;
    // A made check is soon due again, and the scanner would stay for that.
    const fired = new Fired(Date.now);
    const allFired = new AbortController();
    let wanted = Number.POSITIVE_INFINITY;
    const query = items.query.bind(items);
    const transact = items.transact.bind(items);
    const counted: ItemStore = Object.assign(items, {
      async query(one: Parameters<ItemStore["query"]>[0]) {
        const page = await query(one);
        read += page.items.length;
        return page;
      },
      async transact(...call: Parameters<ItemStore["transact"]>) {
        const result = await transact(...call);
        if (result.ok) fired.hear(call[0]);
        if (fired.count >= wanted) allFired.abort();
        return result;
      },
    });
    const open = (aheadMs: number) =>
      createBroker({
        items: counted,
        objects,
        clock: { ...systemClock, nowMs: () => Date.now() + aheadMs },
        random: createSystemRandom(),
        signer: hmacSigner,
        compressor: deflateCompressor,
        settings: { ...SHARED_STORE, timerUnitsPerSecond: Number.POSITIVE_INFINITY },
      });
    const dueMs = Date.now() + AHEAD_MS;
    return {
      items,
      open,
      reads: () => read,
      fill: async (due: Omit<DueTimers, "dueMs">) =>
        fillDueTimers(items, await open(0), TIMER_SHARDS, { ...due, dueMs: () => dueMs }),
      scan: async (count: number) => {
        const scanner = await open(2 * AHEAD_MS);
        fired.reset();
        wanted = count;
        const report = await scanner.scan({ untilMs: Date.now() + 3 * AHEAD_MS, signal: allFired.signal });
        if (report.fired !== count) throw new Error(`fired ${report.fired} of ${count}`);
      },
    };
  }
}

async function processorMicroseconds(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
