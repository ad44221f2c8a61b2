import type { components } from "./api-types.ts";
import { ApogeeError } from "./apogee-error.ts";
import { after, type BatchResult, errorsInPlace } from "./batch.ts";
import { randomId } from "./random-id.ts";
import { hasMadeKey } from "./send.ts";

type WireEntry = components["schemas"]["Message"];
type Send = (entries: readonly WireEntry[]) => Promise<readonly BatchResult[]>;

/** One that numbers its messages to a topic (PROTOCOL.md 4.8). */
interface Producer {
  readonly producerId: string;
  next: number;
}

/** All entries that go to no queue in particular go to one, and so does their numbering, in one write. */
const isNumbered = (entry: WireEntry): boolean =>
  hasMadeKey(entry) &&
  (entry.messageGroup ?? entry.priority ?? entry.delaySeconds ?? entry.deliverAt ?? entry.delayLevel) === undefined;

/**
 * Numbers the messages of batches to one topic, where each would have a key of its own: the broker keeps one record for the batch in place
 * of one for each message. Batches that are under way at once have different producers, since the numbers of one follow each other.
 */
export class NumberedBatches {
  readonly #idle: Producer[] = [];

  /** Sends entries and answers what became of each. Errors: as `send`. */
  async send(entries: readonly WireEntry[], send: Send): Promise<readonly BatchResult[]> {
    if (entries.length < 2 || !entries.every(isNumbered)) return send(entries);
    const producer = this.#idle.pop() ?? { producerId: randomId(), next: 0 };
    const { producerId, next } = producer;
    const results = [
      ...(await send(
        entries.map(({ dedupKey, dedupWindowSeconds, ...entry }, index) => ({ ...entry, producerId, sequence: next + index })),
      )),
    ];
    // A producer with a gap is not used again.
    if (!results.some(ApogeeError.is)) {
      producer.next += entries.length;
      this.#idle.push(producer);
    }
    // Those behind one that was refused are not stored. They go by their keys.
    const behind = [...results.keys()].filter((index) => isOutOfOrder(results[index]));
    if (behind.length === 0) return results;
    const sent = send(behind.map((index) => entries[index] as WireEntry));
    for (const [at, result] of (await errorsInPlace(sent, behind.length)).entries()) {
      const index = behind[at] as number;
      results[index] = after(results[index], result);
    }
    return results;
  }
}

const isOutOfOrder = (result: BatchResult | undefined): boolean =>
  ApogeeError.is(result) && result.code === "OUT_OF_ORDER_SEQUENCE";
