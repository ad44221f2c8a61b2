import { makeFrameId, messageIdOf, toHex, UNPLACED_QUEUE } from "./message-id.ts";

/** Ids of one call: the lower bits of an ordinal count them. */
export const IDS_PER_CALL_MAX = 128;
const UPPER_ORDINALS = 512;
const TURNS = 2 ** 49;

/**
 * Makes ids for messages that have no queue yet: timers and half messages. Ids ascend within a call, and from call to call of one
 * process: timers that are due at once are delivered in the order of their ids.
 *
 * An id that is in use already is taken for one's own earlier attempt. So the ids of a call share 49 random bits, their turn:
 *
 *   id := milliseconds u48 · topic hash u16 · 255 · upper 40 bits of the turn · lower 9 bits of the turn, message 7 bits
 *   id := milliseconds u48 · the turn · random 15 bits · message u16            before store format 4
 *
 * Time and turn ascend over all topics, so they ascend in each.
 */
export class UnplacedIds {
  #lastMs = 0;
  #lastTurn = 0;

  /** `random` are 8 bytes. Without a topic the ids are of the layout before format 4. */
  next(nowMs: number, random: Uint8Array, count: number, topicUid: string | undefined): readonly string[] {
    if (count > IDS_PER_CALL_MAX) throw new RangeError(`${count} ids of one call; the most are ${IDS_PER_CALL_MAX}`);
    const turn = this.#take(nowMs, turnOf(random));
    const bytes = random.slice();
    if (topicUid === undefined) {
      writeTurn(bytes, turn);
      const idHex = toHex(makeFrameId(this.#lastMs, bytes));
      return Array.from({ length: count }, (_, message) => messageIdOf(idHex, message));
    }
    writeUpper(bytes, turn);
    const idHex = toHex(makeFrameId(this.#lastMs, bytes, { topicUid, queueId: UNPLACED_QUEUE }));
    const first = (turn % UPPER_ORDINALS) * IDS_PER_CALL_MAX;
    return Array.from({ length: count }, (_, message) => messageIdOf(idHex, first + message));
  }

  /** The drawn turn if it ascends, else the one after the last. Behind the last turn of a millisecond comes the next millisecond. */
  #take(nowMs: number, drawn: number): number {
    const ascends = nowMs > this.#lastMs || (nowMs === this.#lastMs && drawn > this.#lastTurn);
    const overflows = !ascends && this.#lastTurn === TURNS - 1;
    if (ascends) this.#lastMs = nowMs;
    else if (overflows) this.#lastMs++;
    this.#lastTurn = ascends || overflows ? drawn : this.#lastTurn + 1;
    return this.#lastTurn;
  }
}

/** The first 49 bits. */
function turnOf(random: Uint8Array): number {
  let turn = 0;
  for (let at = 0; at < 6; at++) turn = turn * 256 + (random[at] as number);
  return turn * 2 + ((random[6] as number) >>> 7);
}

function writeTurn(bytes: Uint8Array, turn: number): void {
  let rest = Math.floor(turn / 2);
  for (let at = 5; at >= 0; at--) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = (turn % 2) * 128 + ((bytes[6] as number) & 127);
}

/** Behind three bytes for the topic and the queue. */
function writeUpper(bytes: Uint8Array, turn: number): void {
  let rest = Math.floor(turn / UPPER_ORDINALS);
  for (let at = 7; at >= 3; at--) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
