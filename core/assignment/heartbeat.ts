import { BrokerError, badField } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { CLIENTS_MAX, EXPIRED_CLIENTS_SWEPT_MAX, HEARTBEAT_ROUNDS_MAX } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { finishing } from "../store/store-errors.ts";
import type { AssignedQueue, Member } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { assignedQueues } from "./assignment.ts";
import { checkClientId } from "./client-id.ts";
import { byId, decidingAtMs, liveAt } from "./deciding.ts";
import { divisionOf, fingerprintOf } from "./division.ts";
import { type Generation, raiseGeneration, readGeneration } from "./generation.ts";
import { expiresAtMs } from "./member-codec.ts";
import { deleteExpired, isLive, putMember, readMembers } from "./member-store.ts";
import { knownSharing, type Sharing, storedSharing } from "./sharing.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly skewMarginMs: number;
}

export interface HeartbeatRequest {
  /** Default: every topic the group is subscribed to. */
  readonly subscriptions?: readonly string[] | undefined;
  readonly room?: string | undefined;
}

export interface Heartbeat {
  /** The client was no member before. */
  readonly joined: boolean;
  /** Grows whenever the sharing of queues may change. */
  readonly generation: number;
  /** By topic and queue. */
  readonly assignment: readonly AssignedQueue[];
  /** The next heartbeat is due before this. */
  readonly expiresAtMs: number;
}

/**
 * Makes the client a member of the group for CLIENT_LEASE_MS, and answers its own queues and the generation. The first heartbeat after
 * a change of members, strategy, topics or queue counts raises the generation, whoever sends it.
 *
 * Store: a read of the generation, a query of the members, a write of this one; after a change a write of the generation.
 * Errors: CONSUMER_GROUP_NOT_FOUND, BAD_REQUEST (client id; no such subscription), QUOTA_EXCEEDED (CLIENTS_MAX), REQUEST_TIMEOUT (it is
 * a member, but could not learn its share). Idempotent.
 * Source: RocketMQ's HEART_BEAT and RebalanceImpl.
 */
export async function heartbeat(
  store: Dependencies,
  groupName: string,
  clientId: string,
  request: HeartbeatRequest,
): Promise<Heartbeat> {
  checkClientId(clientId);
  const sharing = await sharingOf(store, groupName, request.subscriptions ?? []);
  const { uid } = sharing.group;
  // Read before the members: a later change raises the generation, and a raise from an older one fails.
  const generation = await readGeneration(store.items, uid);
  const seen = await readMembers(store.items, uid);
  const nowMs = store.clock.nowMs();
  const live = seen.filter((member) => isLive(member, nowMs));
  const before = live.find((member) => member.clientId === clientId);
  if (!before && live.length >= CLIENTS_MAX) throw tooManyClients(groupName);
  const self: Member = {
    clientId,
    subscriptions: request.subscriptions && new Set(request.subscriptions),
    room: request.room,
    firstSeenAtMs: before?.firstSeenAtMs ?? nowMs,
    lastSeenAtMs: nowMs,
  };
  await putMember(store.items, uid, self);
  const share = await finishing(() => settle(store, self, { sharing, generation, seen }));
  return { joined: before === undefined, ...share, expiresAtMs: expiresAtMs(self) };
}

/** Errors: CONSUMER_GROUP_NOT_FOUND, BAD_REQUEST. */
async function sharingOf(store: Dependencies, groupName: string, named: readonly string[]): Promise<Sharing> {
  const missingIn = ({ topics }: Sharing) => named.find((name) => !topics.some((topic) => topic.name === name));
  let sharing = await knownSharing(store, groupName);
  if (missingIn(sharing) !== undefined) sharing = await storedSharing(store, sharing.group);
  const missing = missingIn(sharing);
  if (missing === undefined) return sharing;
  const detail = `Group '${groupName}' is not subscribed to topic '${missing}'. Subscribe it with PUT /v1/groups/${groupName}/subscriptions/${missing}.`;
  throw badField(`/subscriptions/${named.indexOf(missing)}`, detail, detail);
}

interface View {
  readonly sharing: Sharing;
  readonly generation: Generation;
  /** All stored members, read after the generation. */
  readonly seen: readonly Member[];
}

/** Answers the share of `self` in the generation of the current view. A new view raises the generation. */
async function settle(store: Dependencies, self: Member, view: View): Promise<Pick<Heartbeat, "generation" | "assignment">> {
  const { uid, name } = view.sharing.group;
  let { sharing, generation, seen } = view;
  for (let rounds = 0; rounds < HEARTBEAT_ROUNDS_MAX; rounds++) {
    const atMs = decidingAtMs(store, generation);
    const members = membersAt(seen, self, atMs);
    let division = divisionOf(sharing, members, atMs);
    if (fingerprintOf(division) !== generation.fingerprint) {
      // This process's copy of the group may be older than the generation.
      sharing = await storedSharing(store, sharing.group);
      division = divisionOf(sharing, members, atMs);
    }
    const fingerprint = fingerprintOf(division);
    const part = ({ number }: Generation) => ({ generation: number, assignment: assignedQueues(division, self) });
    if (fingerprint === generation.fingerprint) return part(generation);
    const raised = await raiseGeneration(store.items, uid, generation, { fingerprint, decidedAtMs: atMs });
    if (raised.ok) await sweep(store.items, uid, seen, atMs);
    generation = raised.generation;
    if (fingerprint === generation.fingerprint) return part(generation);
    seen = await readMembers(store.items, uid);
  }
  throw new BrokerError("REQUEST_TIMEOUT", `Clients of group '${name}' come and go too fast to share its queues. Try again.`);
}

/** The live members in the order of their ids, `self` as it is now. */
const membersAt = (seen: readonly Member[], self: Member, atMs: number): readonly Member[] =>
  byId([...liveAt(seen, atMs).filter(({ clientId }) => clientId !== self.clientId), self]);

/** Deletes expired members. Stores do so late, and a group whose clients have new ids every day would read many of them. */
async function sweep(items: ItemStore, groupUid: string, seen: readonly Member[], atMs: number): Promise<void> {
  const expired = seen.filter((member) => !isLive(member, atMs)).slice(0, EXPIRED_CLIENTS_SWEPT_MAX);
  await Promise.all(expired.map((member) => deleteExpired(items, groupUid, member)));
}

const tooManyClients = (groupName: string): BrokerError =>
  new BrokerError(
    "QUOTA_EXCEEDED",
    `Group '${groupName}' has ${CLIENTS_MAX} clients, the most a group can have. Delete one, or let its lease end.`,
  );
