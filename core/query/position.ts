/** A place in a topic, in the order of queries: newest first, by store time, then by queue, then by offset. Places never change. */
export interface Position {
  readonly storedAtMs: number;
  readonly queueId: number;
  readonly offset: number;
}

/** The time of the last block of a queue is not known if the block is damaged: it counts as the newest. */
export const UNKNOWN_TIME_MS = Number.MAX_SAFE_INTEGER;

/** For sorting: below 0 if `a` comes before `b`. */
export const byNewest = (a: Position, b: Position): number =>
  b.storedAtMs - a.storedAtMs || b.queueId - a.queueId || b.offset - a.offset;

export const isNewer = (a: Position, b: Position): boolean => byNewest(a, b) < 0;

export const newestFirst = (positions: readonly Position[]): Position[] => [...positions].sort(byNewest);

/** As it stands in a cursor. */
export const positionText = ({ storedAtMs, queueId, offset }: Position): string => `${storedAtMs}.${queueId}.${offset}`;

/** Reads what `positionText` wrote: cursors are signed. */
export function positionOf(text: string): Position {
  const [storedAtMs = 0, queueId = 0, offset = 0] = text.split(".").map(Number);
  return { storedAtMs, queueId, offset };
}
