/** The shards that one scanner holds, and how many there are. */
export interface HeldShards {
  readonly shards: readonly number[];
  readonly count: number;
}

export const ALL_SHARDS: HeldShards = { shards: [0], count: 1 };

/**
 * Whether a queue of a topic belongs to these shards. Each shard has its part of the queues, in order, or one that it shares with its
 * neighbours. So scanners that share the shards do not append to the same queues, where each would make the other's transactions fail.
 */
export function isOfShards(queueId: number, queues: number, { shards, count }: HeldShards): boolean {
  return shards.some((shard) => {
    const first = Math.floor((shard * queues) / count);
    const end = Math.max(first + 1, Math.floor(((shard + 1) * queues) / count));
    return queueId >= first && queueId < end;
  });
}
