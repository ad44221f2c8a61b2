/** What a runtime lets an answer be. */
export interface AnswerLimits {
  /** False where an answer is handed over whole: an event stream then ends, and says where to go on. */
  readonly streams: boolean;
  /** Bytes of bodies in one page of messages; the first message comes whatever its size. */
  readonly pageBytesMax: number;
  /** Bytes of a page of messages, its JSON being a string in JSON. */
  readonly quotedBytesMax: number;
}

export const ANY_ANSWER: AnswerLimits = {
  streams: true,
  pageBytesMax: Number.POSITIVE_INFINITY,
  quotedBytesMax: Number.POSITIVE_INFINITY,
};
