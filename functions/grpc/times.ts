import type { Duration } from "./generated/google/protobuf/duration.ts";
import type { Timestamp } from "./generated/google/protobuf/timestamp.ts";

const SECOND_MS = 1_000;
const MS_NANOS = 1_000_000;

export const durationOf = (ms: number): Duration => ({
  seconds: Math.floor(ms / SECOND_MS),
  nanos: Math.floor((ms % SECOND_MS) * MS_NANOS),
});

export const timestampOf = (ms: number): Timestamp => durationOf(ms);

/** Milliseconds of a duration, or since the epoch of a timestamp. */
export const msOf = ({ seconds, nanos }: Duration | Timestamp): number => seconds * SECOND_MS + Math.floor(nanos / MS_NANOS);
