/** An offset, and where the block or the run of a segment that holds it begins. */
export interface StoredPlace {
  readonly offset: number;
  readonly base: number;
  /** When the message was stored, or a time before that. `undefined` where what was read of its block is damaged. */
  readonly storedAtMs: number | undefined;
}
