import type { Key } from "./ports/item-store.ts";

/**
 * Every key of the table and the object store.
 *
 *   meta            format                    stored format of the whole table
 *   secret          signing                   key that signs handles and cursors
 *   topic           <name>                    topic
 *   th#<hash>       <topic uid>               the topic, found by the 16 bits of it that message ids hold
 *   group           <name>                    consumer group
 *   sub#<group uid> <topic name>              subscription
 *   by#<topic uid>  <group name>              the same, found from the topic
 *   count           <what>                    how many topics or groups there are, or subscriptions of one of them
 *   q#<topic uid>#<queue>  <base offset>      block of a queue's chain
 *   a#<topic uid>#<queue>  a                  anchor of a queue's chain
 *   s#<topic uid>#<queue>  <base offset>      in which segment a run of the queue is, and where its pages are
 *   g#<subscription uid>#<queue>  g           progress of a group on a queue
 *   m#<group uid>   <client id>               member of a group
 *   mg#<group uid>  g                         generation in which a group's members share its queues
 *   o#<subscription uid>  <client id>        where a client stands that reads every message for itself
 *   r#<subscription uid>#<queue>  <generation>-<due ms>-<first offset>-<claim>   claim that waits outside the progress item
 *   w#<subscription uid>#<queue>  <generation>-<bucket>   messages that wait behind a claim of their message group
 *   w#<subscription uid>#<queue>  <generation>-<bucket>-<first offset>   more of them, in front of those
 *   u#<group uid>   <subscription uid>#<queue>#<offset>   message that could not be read, and was put aside
 *   d#<dead-letter topic uid>  <offset>      dead letter that was deleted or redriven
 *   d#<dead-letter topic uid>  floor         below it all dead letters were purged
 *   job#<group uid>  <job id>                 redrive of dead letters
 *   redriving       <group uid>-<job id>      the same while it runs, found by maintenance
 *   t#<shard>       <due ms>-<timer id>       delayed message, or check of a transaction, due then
 *   f#<timer id>    f                         delayed message that was cancelled or moved: where it is
 *   lease           shards                    who fires those of which shard, until when
 *   roll            <topic uid>#<queue>       that the queue may have something to roll
 *   meta            rolling                   how far the sweep is that looks at all queues for what to roll
 *   meta            timers                    over how many shards timers are spread
 *   kx              <level>-<class>-<first store time>-<random>   where keys of many messages are, sorted
 *   km              <level>-<class>           how far such are merged into one of the next level
 *   parked          <due ms>-<timer id>       delayed message that cannot be delivered
 *   x#<shard>       <transaction id>          half message
 *   c#<producer group>  <transaction id>      check that waits for the producer's answer
 *   producers       <producer group>          where its checks are posted
 *   endpoints       <producer group>          what is known of an endpoint of its that fails
 *   k#<topic uid>#<dedup key>  k              send that is known by its key
 *   p#<topic uid>#<producer id>  p            latest sequences of a producer
 *   i#<request id>  i                         request that is known by its Idempotency-Key
 *   gone            <due ms>-<uid>            something deleted, whose leftovers go when due
 *
 *   log/r<days>/<minute>/<time>-<random>      frames of large sends; the minute in which the last of them has expired, since 1970.
 *                                             A bucket deletes them by age per retention class; older ones lie outside a minute.
 *   log/r<days>/<minute>/<time>-<random>.seg  segment: runs of several queues, deleted in the same way
 *   log/r<days>/<minute>/<time>-<random>.keys  keys of many segments, sorted, deleted in the same way
 *
 * Queues are keyed by the topic's uid and progress by the subscription's, not by name: what is deleted and made again starts
 * clean, also for a handler that has not heard of it yet.
 */

const OFFSET_DIGITS = 20;
const TIME_DIGITS = 15;
const GENERATION_DIGITS = 10;
const BUCKET_DIGITS = 5;
const CLASS_DIGITS = 4;

export const FORMAT_KEY: Key = { pk: "meta", sk: "format" };
export const SIGNING_KEY: Key = { pk: "secret", sk: "signing" };

export const TOPICS_PK = "topic";
export const GROUPS_PK = "group";
export const topicKey = (name: string): Key => ({ pk: TOPICS_PK, sk: name });
export const topicHashPk = (hash: number): string => `th#${hash.toString(16).padStart(4, "0")}`;
export const topicHashKey = (hash: number, topicUid: string): Key => ({ pk: topicHashPk(hash), sk: topicUid });
export const groupKey = (name: string): Key => ({ pk: GROUPS_PK, sk: name });
export const subscriptionsPk = (groupUid: string): string => `sub#${groupUid}`;
export const subscriptionKey = (groupUid: string, topic: string): Key => ({ pk: subscriptionsPk(groupUid), sk: topic });
export const subscribersPk = (topicUid: string): string => `by#${topicUid}`;
export const subscriberKey = (topicUid: string, group: string): Key => ({ pk: subscribersPk(topicUid), sk: group });
export const countKey = (what: string): Key => ({ pk: "count", sk: what });

export const queuePk = (topicUid: string, queueId: number): string => `q#${topicUid}#${queueId}`;
export const blockKey = (topicUid: string, queueId: number, base: number): Key => ({
  pk: queuePk(topicUid, queueId),
  sk: offsetSk(base),
});
/** The queue and base offset of a block's key; `undefined` for any other key. */
export function blockNamedBy({ pk, sk }: Key): { readonly queueId: number; readonly base: number } | undefined {
  const [, queueId] = /^q#[^#]+#(\d+)$/.exec(pk) ?? [];
  return queueId === undefined ? undefined : { queueId: Number(queueId), base: skOffset(sk) };
}
export const anchorKey = (topicUid: string, queueId: number): Key => ({ pk: `a#${topicUid}#${queueId}`, sk: "a" });
export const indexPk = (topicUid: string, queueId: number): string => `s#${topicUid}#${queueId}`;
export const indexKey = (topicUid: string, queueId: number, base: number): Key => ({
  pk: indexPk(topicUid, queueId),
  sk: offsetSk(base),
});
export const ROLL_HINTS_PK = "roll";
export const rollHintKey = (topicUid: string, queueId: number): Key => ({ pk: ROLL_HINTS_PK, sk: `${topicUid}#${queueId}` });
export const ROLL_SWEEP_KEY: Key = { pk: "meta", sk: "rolling" };
export const progressKey = (subscriptionUid: string, queueId: number): Key => ({
  pk: `g#${subscriptionUid}#${queueId}`,
  sk: "g",
});

export const unreadablePk = (groupUid: string): string => `u#${groupUid}`;
export const unreadableKey = (
  groupUid: string,
  at: { readonly subscriptionUid: string; readonly queueId: number; readonly offset: number },
): Key => ({
  pk: unreadablePk(groupUid),
  sk: `${at.subscriptionUid}#${String(at.queueId).padStart(3, "0")}#${offsetSk(at.offset)}`,
});

export const membersPk = (groupUid: string): string => `m#${groupUid}`;
export const memberKey = (groupUid: string, clientId: string): Key => ({ pk: membersPk(groupUid), sk: clientId });
export const generationKey = (groupUid: string): Key => ({ pk: `mg#${groupUid}`, sk: "g" });

export const clientOffsetsPk = (subscriptionUid: string): string => `o#${subscriptionUid}`;
export const clientOffsetsKey = (subscriptionUid: string, clientId: string): Key => ({
  pk: clientOffsetsPk(subscriptionUid),
  sk: clientId,
});

export const deadLetterTombstonesPk = (topicUid: string): string => `d#${topicUid}`;
export const deadLetterTombstoneKey = (topicUid: string, offset: number): Key => ({
  pk: deadLetterTombstonesPk(topicUid),
  sk: offsetSk(offset),
});
/** Sorts behind every offset. */
export const deadLetterFloorKey = (topicUid: string): Key => ({ pk: deadLetterTombstonesPk(topicUid), sk: "floor" });

export const redriveJobKey = (groupUid: string, jobId: string): Key => ({ pk: `job#${groupUid}`, sk: jobId });
export const RUNNING_REDRIVES_PK = "redriving";
export const runningRedriveKey = (groupUid: string, jobId: string): Key => ({
  pk: RUNNING_REDRIVES_PK,
  sk: `${groupUid}-${jobId}`,
});

export const timersPk = (shard: number): string => `t#${shard}`;
/** Sorted by due time. Timers that are due at once are sorted by id, in the order they were sent. */
export const timerSk = (dueMs: number, id: string): string => `${timeSk(dueMs)}-${id}`;
/** The upper bound of a query for what is due at `nowMs`. */
export const timersUntil = (nowMs: number): string => timeSk(nowMs + 1);
export const dueOfTimer = (sk: string): number => Number(sk.slice(0, TIME_DIGITS));
export const idOfTimer = (sk: string): string => sk.slice(TIME_DIGITS + 1);
export const recallKey = (timerId: string): Key => ({ pk: `f#${timerId}`, sk: "f" });
export const SHARD_LEASES_KEY: Key = { pk: "lease", sk: "shards" };
export const TIMER_SHARDS_KEY: Key = { pk: "meta", sk: "timers" };
export const PARKED_TIMERS_PK = "parked";

export const halfMessagesPk = (shard: number): string => `x#${shard}`;
export const waitingChecksPk = (producerGroup: string): string => `c#${producerGroup}`;
export const waitingCheckKey = (producerGroup: string, transactionId: string): Key => ({
  pk: waitingChecksPk(producerGroup),
  sk: transactionId,
});
export const PRODUCER_GROUPS_PK = "producers";
export const producerGroupKey = (name: string): Key => ({ pk: PRODUCER_GROUPS_PK, sk: name });
export const ENDPOINTS_PK = "endpoints";
export const endpointKey = (producerGroup: string): Key => ({ pk: ENDPOINTS_PK, sk: producerGroup });

export const knownSendKey = (topicUid: string, key: string): Key => ({ pk: `k#${topicUid}#${key}`, sk: "k" });
export const producerStateKey = (topicUid: string, producerId: string): Key => ({ pk: `p#${topicUid}#${producerId}`, sk: "p" });

export const knownRequestKey = (requestId: string): Key => ({ pk: `i#${requestId}`, sk: "i" });

export const DEPARTURES_PK = "gone";
export const departureKey = (dueMs: number, uid: string): Key => ({ pk: DEPARTURES_PK, sk: `${timeSk(dueMs)}-${uid}` });
/** The upper bound of a query for what is due at `nowMs`. */
export const departuresUntil = (nowMs: number): string => timeSk(nowMs + 1);
export const uidOfDeparture = (sk: string): string => sk.slice(TIME_DIGITS + 1);

export const movedOutPk = (subscriptionUid: string, queueId: number): string => `r#${subscriptionUid}#${queueId}`;
/** Sorted by due time within a generation. Items of an older generation are never read. */
export const movedOutKey = (at: {
  readonly subscriptionUid: string;
  readonly queueId: number;
  readonly generation: number;
  readonly claim: { readonly id: string; readonly first: number; readonly dueMs: number };
}): Key => {
  const { subscriptionUid, queueId, generation, claim } = at;
  const sk = `${movedOutFrom(generation)}${timeSk(claim.dueMs)}-${offsetSk(claim.first)}-${claim.id}`;
  return { pk: movedOutPk(subscriptionUid, queueId), sk };
};
export const movedOutFrom = (generation: number): string => `${String(generation).padStart(GENERATION_DIGITS, "0")}-`;
/** '.' follows '-'. */
export const movedOutUntil = (generation: number): string => `${String(generation).padStart(GENERATION_DIGITS, "0")}.`;

export interface ProgressGeneration {
  readonly subscriptionUid: string;
  readonly queueId: number;
  readonly generation: number;
}
export const backlogPk = (subscriptionUid: string, queueId: number): string => `w#${subscriptionUid}#${queueId}`;
export const backlogKey = ({ subscriptionUid, queueId, generation }: ProgressGeneration, bucket: number): Key => ({
  pk: backlogPk(subscriptionUid, queueId),
  sk: movedOutFrom(generation) + String(bucket).padStart(BUCKET_DIGITS, "0"),
});
/** The chunk of a backlog that starts at `first`. Chunks sort behind the backlog, by their offsets. */
export const backlogChunkKey = (at: ProgressGeneration, bucket: number, first: number): Key => {
  const { pk, sk } = backlogKey(at, bucket);
  return { pk, sk: `${sk}-${offsetSk(first)}` };
};

/** Zero-padded, so that the order of the text is the order of the offsets. */
export const offsetSk = (offset: number): string => String(offset).padStart(OFFSET_DIGITS, "0");
const timeSk = (ms: number): string => String(ms).padStart(TIME_DIGITS, "0");
export const skOffset = (sk: string): number => Number(sk);

/** Days a bucket keeps an object: its topic's retention and two days more. The last class is for delays. */
export const RETENTION_CLASSES_DAYS = [4, 7, 14, 35, 95, 370, 3_700] as const;

export function retentionClassDays(retentionHours: number): number {
  const days = Math.ceil(retentionHours / 24) + 2;
  const fitting = RETENTION_CLASSES_DAYS.find((classDays) => classDays >= days);
  if (fitting === undefined) throw new RangeError(`no retention class holds ${days} days`);
  return fitting;
}

export const framesPrefix = (classDays: number): string => `log/r${classDays}/`;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** When an object may go, by its key. One that does not say goes with its class. */
export function framesObjectExpiresMs(objectKey: string): number {
  const [, classDays, minute, createdMs] = /^log\/r(\d+)\/(?:(\d+)\/)?(\d+)-/.exec(objectKey) ?? [];
  return minute === undefined ? Number(createdMs) + Number(classDays) * DAY_MS : Number(minute) * MINUTE_MS;
}

/** The same of all objects in a folder of a class, by the folder's name; `undefined` for any other folder. */
export const folderExpiresMs = (name: string): number | undefined => (/^\d+$/.test(name) ? Number(name) * MINUTE_MS : undefined);

/** `expiresMs` is a whole minute; `random` is a text that is unique among objects. */
export const framesObjectKey = (classDays: number, expiresMs: number, nowMs: number, random: string): string =>
  `${framesPrefix(classDays)}${expiresMs / MINUTE_MS}/${timeSk(nowMs)}-${random}`;

export const keyPartObjectKey = (classDays: number, expiresMs: number, nowMs: number, random: string): string =>
  `${framesObjectKey(classDays, expiresMs, nowMs, random)}.keys`;

export const KEY_FILES_PK = "kx";
/** Sorted by level, class and age. `random` is a text that is unique among runs. */
export const keyFileKey = (level: number, classDays: number, storedFromMs: number, random: string): Key => ({
  pk: KEY_FILES_PK,
  sk: `${keyFilesPrefix(level, classDays)}${timeSk(storedFromMs)}-${random}`,
});
export const keyFilesPrefix = (level: number, classDays: number): string =>
  `${level}-${String(classDays).padStart(CLASS_DIGITS, "0")}-`;
export function keyFileNamedBy(sk: string): { readonly level: number; readonly classDays: number; readonly name: string } {
  const [level, classDays, _storedFromMs, ...name] = sk.split("-");
  return { level: Number(level), classDays: Number(classDays), name: name.join("-") };
}
export const keyMergeKey = (level: number, classDays: number): Key => ({ pk: "km", sk: `${level}-${classDays}` });

/** As of frames, so that an object's life is read from its key in one way. */
export const segmentObjectKey = (classDays: number, expiresMs: number, nowMs: number, random: string): string =>
  `${framesObjectKey(classDays, expiresMs, nowMs, random)}.seg`;
