/** What a runtime lets an answer be. */
export interface AnswerLimits {
  /** False where an answer is handed over whole: an event stream then ends, and says where to go on. */
  readonly streams: boolean;
  /** Bytes of bodies in one page of messages; the first message comes whatever its size. */
  readonly pageBytesMax: number;
  /** Bytes of a page of messages, its JSON being a string in JSON. */
  readonly quotedBytesMax: number;
}

/**
 * Bytes of a page of any other list, whatever answers it, so that a client's pages end alike everywhere: its JSON being a string in JSON,
 * as a function hands it over, which may have 6.29 MB.
 */
export const LIST_BYTES_MAX = 4 * 1_024 * 1_024;

/** A unit of UTF-16 has at most three bytes of UTF-8; JSON text has no character that takes more in a string. */
const BYTES_PER_UNIT_MAX = 3;

/** Bytes of a JSON text as a string in JSON; where it is certainly below `enough`, an upper bound that is. */
export const quotedBytes = (json: string, enough = 0): number =>
  json.length * BYTES_PER_UNIT_MAX + 2 <= enough ? json.length * BYTES_PER_UNIT_MAX + 2 : Buffer.byteLength(JSON.stringify(json));

export const ANY_ANSWER: AnswerLimits = {
  streams: true,
  pageBytesMax: Number.POSITIVE_INFINITY,
  quotedBytesMax: Number.POSITIVE_INFINITY,
};
