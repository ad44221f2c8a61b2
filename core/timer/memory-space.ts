/**
 * Timers that wait in memory: of one stream (a message group, topic or producer group, in one shard) so many, where its lane has no more
 * of the shard than that. A message group with many so leaves room for those that share its queue.
 */
const ROOM_IN_LANE = [
  { stream: 720, lane: 1_000 },
  { stream: 64, lane: 1_250 },
  { stream: 8, lane: 1_500 },
] as const;
/** Of one lane so many of one shard, where all lanes have no more than that. A queue with many so leaves room for other queues. */
const ROOM_OF_ALL = [
  { lane: 1_500, all: 4_000 },
  { lane: 256, all: 6_000 },
  { lane: 64, all: 8_000 },
  { lane: 8, all: 12_000 },
] as const;

/** What waits in memory. */
export interface InMemory {
  /** Of a stream. */
  readonly stream: number;
  /** Of its lane, in the stream's shard. */
  readonly lane: number;
  /** Of all lanes and shards. */
  readonly all: number;
}

/** For how many more of a lane there is room: the fewer it has, the less it matters how many others have. */
export const spaceOfLane = ({ lane, all }: Omit<InMemory, "stream">): number =>
  Math.max(0, ...ROOM_OF_ALL.map((most) => Math.min(most.lane - lane, most.all - all)));

/** For how many more of a stream there is room: the fewer it has, the less it matters how many others of its lane have. */
export function spaceOfStream(inMemory: InMemory): number {
  const { stream, lane } = inMemory;
  const inLane = Math.max(0, ...ROOM_IN_LANE.map((most) => Math.min(most.stream - stream, most.lane - lane)));
  return Math.min(inLane, spaceOfLane(inMemory));
}
