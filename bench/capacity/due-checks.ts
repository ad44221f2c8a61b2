import type { RunningBroker } from "../../core/create-broker.ts";
import { jsonBodies } from "../bodies.ts";

/** Checks of transactions that are due. */
export interface DueChecks {
  readonly count: number;
  readonly producerGroups: number;
  /** Whether the transactions have ended: then their checks are only deleted. */
  readonly ended: boolean;
  readonly checkAfterMs: number;
}

const TOPIC = "payments";
const BODY_BYTES = 1_000;
const AT_ONCE = 20;

/** Prepares transactions whose first checks are due at about the same time. */
export async function fillDueChecks(broker: RunningBroker, due: DueChecks): Promise<void> {
  await broker.putTopic(TOPIC, { type: "MIXED", queues: 4 });
  const [text = ""] = jsonBodies(1, BODY_BYTES);
  const body = Buffer.from(text);
  const prepare = async (at: number): Promise<void> => {
    const producerGroup = `producers${at % due.producerGroups}`;
    const { transactionId } = await broker.sendHalfMessage(TOPIC, { body }, { producerGroup, checkAfterMs: due.checkAfterMs });
    if (due.ended) await broker.endTransaction(transactionId, "rollback");
  };
  for (let from = 0; from < due.count; from += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.count - from) }, (_, at) => prepare(from + at)));
}
