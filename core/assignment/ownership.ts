import { LRUCache } from "lru-cache";
import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { HEARTBEAT_ROUNDS_MAX, KNOWN_OWNERS_MAX } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { AssignedQueue, ConsumerGroup } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { assignedQueues } from "./assignment.ts";
import { byId, decidingAtMs, liveAt } from "./deciding.ts";
import { type Division, divisionOf, fingerprintOf } from "./division.ts";
import { type Generation, inGeneration, raiseGeneration, readGeneration } from "./generation.ts";
import { readMembers } from "./member-store.ts";
import { knownSharing, type Sharing, storedSharing } from "./sharing.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly skewMarginMs: number;
}

/** A member, as it knows itself. */
export interface CommittingMember {
  readonly clientId: string;
  /** That of its last heartbeat. */
  readonly generation: number;
}

/** How a generation divides the queues. It never changes, so a process that once knew it need not read the members again. */
interface KnownDivision {
  readonly number: number;
  readonly division: Division;
  readonly shares: Map<string, readonly AssignedQueue[]>;
}

/**
 * Who owns which queue of a group. The answer is a fence: a part of the transaction that acts for the owner, which fails once the queues
 * are shared anew. A member learns of its queues only after the generation was raised. So a late act of the owner before it never comes
 * after its first read.
 */
export class Ownership {
  readonly #store: Dependencies;
  readonly #known = new LRUCache<string, KnownDivision>({
    maxSize: KNOWN_OWNERS_MAX,
    sizeCalculation: ({ division }) => 1 + division.members.length,
  });

  constructor(store: Dependencies) {
    this.#store = store;
  }

  /** The fence of the queue's owner. Errors: STALE_GENERATION. */
  async ofMember(group: ConsumerGroup, { clientId, generation }: CommittingMember, queue: AssignedQueue): Promise<TransactWrite> {
    const current = await readGeneration(this.#store.items, group.uid);
    if (generation !== current.number) {
      const now = current.number === 0 ? "it has had no client yet" : `it is in generation ${current.number}`;
      throw stale(group, `is not in generation ${generation}: ${now}.`);
    }
    const known = await this.#divisionOf(group, current);
    if (!known) throw stale(group, "has changed since its queues were shared.");
    const { topic, queueId } = queue;
    if (!shareOf(known, clientId).some((own) => own.topic === topic && own.queueId === queueId))
      throw stale(group, `does not give queue ${queueId} of topic '${topic}' to '${clientId}' in generation ${generation}.`);
    return inGeneration(group.uid, current);
  }

  /**
   * The fence of a client that is no member, where there are none. What the generation stands for is then nobody, so that each client that
   * comes, even an earlier one, raises it. Errors: STALE_GENERATION.
   */
  async ofNobody(group: ConsumerGroup): Promise<TransactWrite> {
    const { items } = this.#store;
    let current = await readGeneration(items, group.uid);
    for (let rounds = 0; rounds < HEARTBEAT_ROUNDS_MAX; rounds++) {
      if (current.number === 0) return inGeneration(group.uid, current);
      const atMs = decidingAtMs(this.#store, current);
      const fingerprint = fingerprintOf(divisionOf({ group, topics: [] }, [], atMs));
      if (fingerprint === current.fingerprint) return inGeneration(group.uid, current);
      const [member] = liveAt(await readMembers(items, group.uid), atMs);
      if (member)
        throw stale(group, `has clients, such as '${member.clientId}'. Commit as one of them, with clientId and generation.`);
      current = (await raiseGeneration(items, group.uid, current, { fingerprint, decidedAtMs: atMs })).generation;
    }
    throw stale(group, "has clients that come and go.");
  }

  /** Absent if the members or the queues are not what the generation stands for: the next heartbeat raises it. */
  async #divisionOf(group: ConsumerGroup, current: Generation): Promise<KnownDivision | undefined> {
    const known = this.#known.get(group.uid);
    if (known?.number === current.number) return known;
    const atMs = decidingAtMs(this.#store, current);
    const members = byId(liveAt(await readMembers(this.#store.items, group.uid), atMs));
    const divide = (sharing: Sharing): Division | undefined => {
      const division = divisionOf(sharing, members, atMs);
      return fingerprintOf(division) === current.fingerprint ? division : undefined;
    };
    const division = divide(await knownSharing(this.#store, group.name)) ?? divide(await storedSharing(this.#store, group));
    if (!division) return undefined;
    const found = { number: current.number, division, shares: new Map() };
    this.#known.set(group.uid, found);
    return found;
  }
}

function shareOf({ division, shares }: KnownDivision, clientId: string): readonly AssignedQueue[] {
  const known = shares.get(clientId);
  if (known) return known;
  const self = division.members.find((member) => member.clientId === clientId);
  if (!self) return [];
  const share = assignedQueues(division, self);
  shares.set(clientId, share);
  return share;
}

const stale = ({ name }: ConsumerGroup, why: string): BrokerError =>
  new BrokerError("STALE_GENERATION", `Group '${name}' ${why}`);
