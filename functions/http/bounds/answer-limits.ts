/** The limits that a runtime sets to answers. */
export interface AnswerLimits {
  /** False if answers are handed over whole: an event stream then ends, and says where to continue. */
  readonly streams: boolean;
  /** Bytes of bodies in one page of messages. The first message is included whatever its size. */
  readonly pageBytesMax: number;
  /** Bytes of a page of messages, with its JSON quoted as a string in JSON. */
  readonly quotedBytesMax: number;
}

/**
 * Bytes of a page of any other list, with its JSON quoted as a string in JSON. A function hands pages over in that form, which may have
 * 6.29 MB. All runtimes use the same limit, so that a client's pages end alike everywhere.
 */
export const LIST_BYTES_MAX = 4 * 1_024 * 1_024;

/** A unit of UTF-16 has at most three bytes of UTF-8; JSON text has no character that takes more in a string. */
const BYTES_PER_UNIT_MAX = 3;

/** Bytes of a JSON text quoted as a string in JSON. If that is certainly below `enough`, an upper bound. */
export const quotedBytes = (json: string, enough = 0): number =>
  json.length * BYTES_PER_UNIT_MAX + 2 <= enough ? json.length * BYTES_PER_UNIT_MAX + 2 : Buffer.byteLength(JSON.stringify(json));

export const ANY_ANSWER: AnswerLimits = {
  streams: true,
  pageBytesMax: Number.POSITIVE_INFINITY,
  quotedBytesMax: Number.POSITIVE_INFINITY,
};
