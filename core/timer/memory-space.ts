/**
 * How many timers of one stream (a message group, topic or producer group, in one shard) may wait in memory while its lane has no more
 * than `lane` of the shard. So a large message group leaves room for those that share its queue.
 */
const ROOM_IN_LANE = [
  { stream: 720, lane: 1_000 },
  { stream: 64, lane: 1_250 },
  { stream: 8, lane: 1_500 },
] as const;
/** How many timers of one lane and shard may wait while all lanes have no more than `all`. So one queue leaves room for others. */
const ROOM_OF_ALL = [
  { lane: 1_500, all: 4_000 },
  { lane: 256, all: 6_000 },
  { lane: 64, all: 8_000 },
  { lane: 8, all: 12_000 },
] as const;

/** How many timers wait in memory. */
export interface InMemory {
  /** Of a stream. */
  readonly stream: number;
  /** Of its lane, in the stream's shard. */
  readonly lane: number;
  /** Of all lanes and shards. */
  readonly all: number;
}

/** How many more timers of a lane fit. The fewer the lane has, the less the others' count matters. */
export const spaceOfLane = ({ lane, all }: Omit<InMemory, "stream">): number =>
  Math.max(0, ...ROOM_OF_ALL.map((most) => Math.min(most.lane - lane, most.all - all)));

/** How many more timers of a stream fit. The fewer the stream has, the less the count of others in its lane matters. */
export function spaceOfStream(inMemory: InMemory): number {
  const { stream, lane } = inMemory;
  const inLane = Math.max(0, ...ROOM_IN_LANE.map((most) => Math.min(most.stream - stream, most.lane - lane)));
  return Math.min(inLane, spaceOfLane(inMemory));
}
