import { checkClientId } from "../assignment/client-id.ts";
import { BrokerError, badField } from "../errors.ts";
import { COMMIT_ROUNDS_MAX } from "../limits.ts";
import type { TransactWrite } from "../ports/item-store.ts";
import { type ConsumedQueue, logQueue } from "../progress/consumed-queue.ts";
import { isHolding, type Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import type { OffsetCommit } from "../requests.ts";
import { afterConflicts } from "../store/after-conflicts.ts";
import { consumerLane } from "../wake/arrivals.ts";
import { commitForClient } from "./client-offsets.ts";
import { type Committing, checkForward, checkWithin, committedQueue } from "./committed-queue.ts";

/**
 * Moves the next offset of a queue to where a consumer that pulls has come. With CLUSTERING that is the group's next offset, which
 * receives, lag and resets go by too. With BROADCASTING it is the client's own.
 *
 * A member commits only what is its own: the write is one transaction with a fence that fails once the queues are shared anew. What
 * receives hold of the queue they go on holding. A repeat is answered alike, as long as nobody went on behind it.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, NOT_FOUND (no such subscription or queue), BAD_REQUEST, STALE_GENERATION,
 * PRECONDITION_FAILED (backwards, and not allowed; or receives hold what lies behind), OFFSET_ILLEGAL (behind the end),
 * TOO_MANY_REQUESTS, QUOTA_EXCEEDED (clients with offsets of their own).
 * Source: RocketMQ's UPDATE_CONSUMER_OFFSET, which takes whatever comes last.
 */
export async function commitOffset(
  committing: Committing,
  groupName: string,
  { topic, queueId }: { readonly topic: string; readonly queueId: number },
  commit: OffsetCommit,
): Promise<number> {
  const committer = committerOf(commit);
  const queue = await committedQueue(committing, groupName, topic, queueId);
  if (committer.as === "client") await commitForClient(committing, queue, committer.clientId, commit);
  else await commitForGroup(committing, queue, committer, commit);
  return commit.offset;
}

type Committer =
  | { readonly as: "client"; readonly clientId: string }
  | { readonly as: "member"; readonly clientId: string; readonly generation: number }
  | { readonly as: "nobody" };

/** Errors: BAD_REQUEST. */
function committerOf({ clientId, generation, messageModel = "CLUSTERING" }: OffsetCommit): Committer {
  if (clientId !== undefined) checkClientId(clientId);
  if (messageModel === "BROADCASTING") {
    if (clientId === undefined) throw badField("/clientId", "Must be given with messageModel BROADCASTING.");
    if (generation !== undefined) throw badField("/generation", "Is only for messageModel CLUSTERING.");
    return { as: "client", clientId };
  }
  if (clientId !== undefined && generation !== undefined) return { as: "member", clientId, generation };
  if (clientId !== undefined) throw badField("/generation", "Must be given with clientId, as the client's last heartbeat said.");
  if (generation !== undefined) throw badField("/clientId", "Must be given with generation.");
  return { as: "nobody" };
}

async function commitForGroup(
  committing: Committing,
  queue: ConsumedQueue,
  committer: Exclude<Committer, { readonly as: "client" }>,
  commit: OffsetCommit,
): Promise<void> {
  let began: number | undefined;
  for (let round = 0; round < COMMIT_ROUNDS_MAX; round++) {
    const [progress] = (await committing.progressStore.readAll([queue])) as readonly [Progress];
    began ??= progress.generation;
    if (progress.generation !== began) throw resetMeanwhile(queue);
    const fence =
      committer.as === "member"
        ? await committing.ownership.ofMember(queue.group, committer, { topic: queue.topic.name, queueId: queue.queueId })
        : await committing.ownership.ofNobody(queue.group);
    if (commit.offset === progress.next) return;
    if (await moveTo(committing, queue, { progress, fence }, commit)) return;
  }
  const detail = `Others move queue ${queue.queueId} of topic '${queue.topic.name}' too fast. Try again.`;
  throw new BrokerError("TOO_MANY_REQUESTS", detail);
}

interface Read {
  readonly progress: Progress;
  readonly fence: TransactWrite;
}

/** False if the item or the generation changed meanwhile. */
async function moveTo(
  committing: Committing,
  queue: ConsumedQueue,
  { progress, fence }: Read,
  { offset, allowRewind }: OffsetCommit,
): Promise<boolean> {
  checkForward(queue.queueId, progress.next, offset, allowRewind);
  const isBack = offset < progress.next;
  if (isBack && isHolding(progress)) throw heldBehind(queue);
  if (!isBack) await checkWithin(committing, queue, offset);
  const to = { next: offset, hint: await committing.log.reader.hintFor(logQueue(queue), offset) };
  const change = new ProgressChange(progress);
  if (isBack) change.rewind(progress, to);
  else change.handOut(progress, to);
  const write = () => committing.progressStore.transact(queue, progress, change, [fence]);
  const { ok } = await afterConflicts(committing, write);
  // There may be something to receive again.
  if (ok && isBack) committing.arrivals.ring(consumerLane(queue.subscription.uid));
  return ok;
}

const resetMeanwhile = ({ group, topic, queueId }: ConsumedQueue): BrokerError =>
  new BrokerError(
    "STALE_GENERATION",
    `Queue ${queueId} of topic '${topic.name}' was reset for group '${group.name}' meanwhile. Read where the group is, and go on there.`,
  );

const heldBehind = ({ group, topic, queueId }: ConsumedQueue): BrokerError =>
  new BrokerError(
    "PRECONDITION_FAILED",
    `Receives hold messages of queue ${queueId} of topic '${topic.name}'. Wait until they are settled, or reset the offset with ` +
      `POST /v1/groups/${group.name}/offsets/reset, which voids their handles.`,
  );
