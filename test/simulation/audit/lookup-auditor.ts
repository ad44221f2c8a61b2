import { ByteReader } from "../../../core/bytes/byte-reader.ts";
import { decodeFrame } from "../../../core/log/frame.ts";
import { messageIdOf } from "../../../core/message/message-id.ts";
import { readRecord } from "../../../core/message/record-codec.ts";
import type { Compressor } from "../../../core/ports/compressor.ts";
import { byNewest, type Position } from "../../../core/query/position.ts";
import type { StoredMessage } from "../../../core/terms.ts";
import type { Written } from "./chain-memory.ts";
import type { Violations } from "./violations.ts";

/** A message that was stored before a lookup began, and what it is looked up by. */
export interface Lookable extends Position {
  readonly messageId: string;
  readonly keys: readonly string[];
}

/**
 * S8: a lookup by key or id finds every message that was stored before it, wherever that is by now, the newest first, each once. Messages
 * in objects of their own are found as others are; only what a history must find is read from chains, and so is without them.
 */
export class LookupAuditor {
  readonly #violations: Violations;
  readonly #compressor: Compressor;
  asked = 0;

  constructor(violations: Violations, compressor: Compressor) {
    this.#violations = violations;
    this.#compressor = compressor;
  }

  /** Those of a queue's messages that the chain itself holds. */
  lookable(queueId: number, kept: ReadonlyMap<number, Written>): readonly Lookable[] {
    return [...kept].flatMap(([offset, written]) => {
      const names = this.#namesOf(written);
      return names ? [{ queueId, offset, storedAtMs: written.storedAtMs, ...names }] : [];
    });
  }

  keyAnswered(key: string, found: readonly StoredMessage[], before: readonly Lookable[]): void {
    this.asked++;
    for (const [index, message] of found.entries()) {
      const last = found[index - 1];
      if (last && byNewest(last, message) >= 0) this.#bad(`key ${key} finds ${placeOf(message)} behind ${placeOf(last)}`);
      if (!message.keys.includes(key)) this.#bad(`key ${key} finds ${placeOf(message)}, which does not have it`);
    }
    const places = new Set(found.map(placeOf));
    for (const one of before)
      if (one.keys.includes(key) && !places.has(placeOf(one))) this.#bad(`key ${key} does not find ${placeOf(one)}`);
  }

  /** `undefined`: it was not found. */
  idAnswered(messageId: string, found: StoredMessage | undefined, before: readonly Lookable[]): void {
    this.asked++;
    const having = before.filter((one) => one.messageId === messageId);
    if (!found && having.length === 0) return;
    if (!found) this.#bad(`id ${messageId} does not find ${having.map(placeOf).join(" or ")}`);
    else if (found.messageId !== messageId) this.#bad(`id ${messageId} finds ${placeOf(found)}, which is ${found.messageId}`);
  }

  #namesOf({ frame, ordinal }: Written): Pick<Lookable, "messageId" | "keys"> | undefined {
    const decoded = decodeFrame(frame, this.#compressor);
    if (decoded.kind !== "batch") return undefined;
    const reader = new ByteReader(decoded.records);
    reader.seek(decoded.starts[ordinal] as number);
    const { messageId = messageIdOf(decoded.idHex, ordinal), keys } = readRecord(reader, decoded.storedAtMs);
    return { messageId, keys };
  }

  #bad(what: string): void {
    this.#violations.add("S8", what);
  }
}

const placeOf = ({ queueId, offset }: Pick<Position, "queueId" | "offset">): string => `${queueId}/${offset}`;
