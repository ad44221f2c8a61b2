/** DynamoDB's request units, on demand, standard table class. */

const WRITE_UNIT_BYTES = 1_024;
const READ_UNIT_BYTES = 4_096;
/** A transaction prepares and commits each of its writes. */
export const TRANSACTION_FACTOR = 2;

/** One per KB, and one for nothing at all. `bytes`: the larger of the images before and after; before, if a condition failed. */
export const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));

/** One per 4 KB, and one for an absent item; half of that when eventually consistent. A query sums its items' bytes first. */
export const readUnits = (bytes: number, consistent: boolean): number =>
  Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (consistent ? 1 : 0.5);
