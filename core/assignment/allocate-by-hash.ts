import { LRUCache } from "lru-cache";
import { md5 } from "../bytes/md5.ts";
import { CLIENTS_MAX, VIRTUAL_NODES_PER_CLIENT } from "../limits.ts";
import type { Member } from "../terms.ts";
import type { Allocate } from "./allocate.ts";
import type { MessageQueue } from "./message-queue.ts";

interface VirtualNode {
  readonly hash: number;
  readonly member: Member;
}

const encoder = new TextEncoder();
const knownHashes = new LRUCache<string, readonly number[]>({ max: 4 * CLIENTS_MAX });

/**
 * Gives each queue to the first virtual node at or behind its hash on a ring, so a member that joins or leaves moves few queues.
 * Computes the ring of `all` once, for any members among them. Source: RocketMQ's AllocateMessageQueueConsistentHash.
 */
export function allocateByHash(all: readonly Member[]): Allocate {
  const whole = ringOf(all);
  return (queues, members, self) => {
    const some = new Set(members);
    const ring = members.length === all.length ? whole : whole.filter(({ member }) => some.has(member));
    return queues.filter((queue) => ownerOf(queue, ring) === self);
  };
}

/** Sorted by hash. If two nodes have the same hash, the later member's counts: it replaces the other in RocketMQ's map. */
function ringOf(members: readonly Member[]): readonly VirtualNode[] {
  const nodes: VirtualNode[] = [];
  for (const member of members.toReversed()) {
    for (const hash of nodeHashes(member.clientId)) nodes.push({ hash, member });
  }
  return nodes.sort((a, b) => a.hash - b.hash);
}

function ownerOf({ topic, brokerName, queueId }: MessageQueue, ring: readonly VirtualNode[]): Member | undefined {
  const hash = hashOf(`MessageQueue [topic=${topic}, brokerName=${brokerName}, queueId=${queueId}]`);
  let low = 0;
  let high = ring.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ring[middle] as VirtualNode).hash < hash) low = middle + 1;
    else high = middle;
  }
  return (ring[low] ?? ring[0])?.member;
}

/** The hashes of a client, remembered because it heartbeats repeatedly. */
function nodeHashes(clientId: string): readonly number[] {
  const known = knownHashes.get(clientId);
  if (known) return known;
  const hashes = Array.from({ length: VIRTUAL_NODES_PER_CLIENT }, (_, node) => hashOf(`${clientId}-${node}`));
  knownHashes.set(clientId, hashes);
  return hashes;
}

/** The first four bytes of the MD5, unsigned. */
function hashOf(text: string): number {
  const digest = md5(encoder.encode(text));
  return new DataView(digest.buffer).getUint32(0);
}
