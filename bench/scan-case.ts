import { performance } from "node:perf_hooks";
import type { RunningBroker } from "../core/create-broker.ts";
import type { Filter, MessageInput } from "../core/terms.ts";
import { createSystemRandom } from "../functions/runtime/random.ts";
import { openEmbeddedStores } from "../functions/stores/embedded-stores.ts";
import { startBroker } from "../functions/stores/start-broker.ts";
import { jsonBodies } from "./bodies.ts";
import type { Options } from "./options.ts";
import { BATCH, RECEIVE_MAX } from "./preload.ts";
import { type Row, rateRow } from "./row.ts";
import { withFolder } from "./servers.ts";

const TOPIC = "bench";
const QUEUES = 8;
const CONSUMERS = 4;
/** One message in this many matches: the last of each batch, so that every queue is read to its end. */
const ONE_IN = BATCH;
const DIFFERENT_BODIES = 6_400;

const FILTERS = {
  tag: { type: "TAG", expression: "wanted" },
  "SQL92 of 5 terms": {
    type: "SQL92",
    expression:
      "region = 'eu' AND amount BETWEEN 100 AND 200 AND level IN ('gold', 'silver') AND vip = TRUE AND coupon IS NOT NULL",
  },
} as const satisfies Record<string, Filter>;

/**
 * Messages read per second if one in a hundred matches, in this process, on the embedded store: receives and acks of a filtered
 * subscription until it has every match of a backlog.
 */
export function scanCase(options: Options): Promise<readonly Row[]> {
  return withFolder(async (folder) => {
    const stores = await openEmbeddedStores(folder);
    const broker = await startBroker(stores, { random: createSystemRandom() });
    try {
      await broker.putTopic(TOPIC, { type: "NORMAL", queues: QUEUES });
      await fillMixed(broker, options);
      const rows: Row[] = [];
      for (const [name, filter] of Object.entries(FILTERS)) {
        await scannedPerSecond(broker, `${filter.type}-warmup`, filter, options);
        const rate = await scannedPerSecond(broker, filter.type, filter, options);
        rows.push(rateRow(`scanned by ${name}, 1 in ${ONE_IN} passes`, consumersOf(options), rate));
      }
      return rows;
    } finally {
      broker.stop();
      await stores.close();
    }
  });
}

const consumersOf = ({ concurrency: [consumers = CONSUMERS] = [] }: Options): number => consumers;

async function scannedPerSecond(broker: RunningBroker, group: string, filter: Filter, options: Options): Promise<number> {
  await broker.putGroup(group, {});
  await broker.putSubscription(group, TOPIC, { filter, startFrom: "earliest" });
  let missing = options.messages / ONE_IN;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: consumersOf(options) }, async () => {
      while (missing > 0) {
        const messages = await broker.receiveMessages(group, { max: RECEIVE_MAX, waitMs: 0 });
        missing -= messages.length;
        const acks = messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle }) as const);
        for (const { status } of await broker.settleMessages(group, acks))
          if (status !== "acked") throw new Error(`an ack was answered with ${status}`);
      }
    }),
  );
  return options.messages / ((performance.now() - startedAt) / 1_000);
}

/** Batches whose last message matches both filters. The others fail a filter at one term or another. */
async function fillMixed(broker: RunningBroker, { messages, bodyBytes }: Options): Promise<void> {
  const bodies = jsonBodies(DIFFERENT_BODIES, bodyBytes).map((text) => Buffer.from(text));
  for (let from = 0; from < messages; from += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, index) =>
      messageOf(bodies[(from + index) % DIFFERENT_BODIES] as Buffer, index, index === BATCH - 1),
    );
    for (const receipt of await broker.sendMessages(TOPIC, batch)) if (!("offset" in receipt)) throw receipt;
  }
}

const messageOf = (body: Uint8Array, index: number, passes: boolean): MessageInput => ({
  body,
  tag: passes ? "wanted" : `other-${index % 10}`,
  properties: new Map([
    ["region", passes || index % 2 === 0 ? "eu" : "us"],
    ["amount", String(passes || index % 4 === 0 ? 150 : 1_500)],
    ["level", passes || index % 8 === 0 ? "gold" : "bronze"],
    ["vip", String(passes)],
    ["coupon", "spring"],
  ]),
});
