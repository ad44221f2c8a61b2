import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError } from "../errors.ts";
import { redriveJobKey } from "../keys.ts";
import { REDRIVE_BATCH_MAX, REDRIVE_TURN_MS, SCAN_CHUNK, SEND_BYTES_MAX } from "../limits.ts";
import { countInFrame } from "../log/count-in-frame.ts";
import { queueOf } from "../log/queue.ts";
import { deadLetterTopicName } from "../names.ts";
import type { Events } from "../ports/events.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ConsumerGroup, Topic } from "../terms.ts";
import { type DeadLetter, deadLetterOf, offsetOfDeadLetter } from "./dead-letter.ts";
import type { DeadLetterAdmin } from "./dead-letter-admin.ts";
import { type OpenMessages, readOpen } from "./read-open.ts";
import type { RedriveBell } from "./redrive-bell.ts";
import { type Destinations, type Route, routeTo } from "./redrive-destination.ts";
import { endOf, type RedriveJob, type RedriveSelection, redriveJobOf, startOf, stepOf } from "./redrive-job.ts";
import { type Selected, selected } from "./selected.ts";
import { floorOf, floorStands, tombstone } from "./tombstone.ts";

export interface Redriving extends DeadLetterAdmin, Destinations {
  readonly bell: RedriveBell;
  readonly events: Events;
}

export interface RedriveRequest extends RedriveSelection {
  readonly target?: string | undefined;
  readonly ratePerSecond?: number | undefined;
}

const JOB_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** A redrive, and what a process needs to continue it. */
interface Work {
  readonly store: Redriving;
  readonly group: ConsumerGroup;
  readonly deadLetters: Topic;
  readonly route: Route;
  readonly selection: Selected;
}

/**
 * Starts moving dead letters to `target`, or back to the group, and goes on for REDRIVE_TURN_MS. Messages that die after the start
 * stay. Each dead letter moves in one transaction with its tombstone, so it moves once, however often a step fails or is done at once.
 * Unreadable ones stay, and the job counts them.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, ILLEGAL_FILTER_EXPRESSION, BAD_REQUEST (a malformed id), TOPIC_NOT_FOUND, FORBIDDEN.
 */
export async function startRedrive(store: Redriving, groupName: string, request: RedriveRequest): Promise<RedriveJob> {
  const group = await store.groups.get(groupName);
  const { ids, filter, target, ratePerSecond } = request;
  const untilMs = store.clock.nowMs() + REDRIVE_TURN_MS;
  checkIds(ids);
  selected({ ids, filter });
  await routeTo(store, group, target);
  const { from, until } = await extent(store, group);
  const job: RedriveJob = {
    groupUid: group.uid,
    group: group.name,
    jobId: toBase64url(store.random.bytes(9)),
    selection: { ids, filter },
    target,
    ratePerSecond,
    next: from,
    until,
    moved: 0,
    unreadable: 0,
    state: "RUNNING",
    failure: undefined,
    paceMs: 0,
  };
  await store.items.transact(startOf(job, store.clock.nowMs()));
  try {
    return (await goOn(store, group, job.jobId, untilMs)) ?? job;
  } catch (error) {
    // The job is stored. Its id is worth more to the caller than the failure of a step.
    if (StoreUnavailable.is(error) || (BrokerError.is(error) && error.retryable)) return job;
    throw error;
  }
}

/** Leaves what the request does not finish to the process, if one keeps redriving. */
async function goOn(store: Redriving, group: ConsumerGroup, jobId: string, untilMs: number): Promise<RedriveJob | undefined> {
  let running = true;
  try {
    const job = await continueRedrive(store, group, jobId, { untilMs });
    running = job?.state === "RUNNING";
    return job;
  } finally {
    if (running) store.bell.ring();
  }
}

/** How many dead letters a redrive would take. `complete` is false if the time ran out before all were read. */
export async function countRedrive(
  store: Redriving,
  groupName: string,
  { ids, filter, target }: RedriveRequest,
): Promise<{ readonly matched: number; readonly complete: boolean }> {
  const group = await store.groups.get(groupName);
  const untilMs = store.clock.nowMs() + REDRIVE_TURN_MS;
  checkIds(ids);
  const selection = selected({ ids, filter });
  await routeTo(store, group, target);
  const deadLetters = await store.topics.get(deadLetterTopicName(group.name));
  const { from, until } = await extent(store, group);
  let matched = 0;
  for (let next: number | undefined = selection.from(from); next !== undefined && next < until; ) {
    if (store.clock.nowMs() >= untilMs) return { matched, complete: false };
    const page: OpenMessages = await readOpen(store, deadLetters, next, { count: SCAN_CHUNK, bytesMax: SEND_BYTES_MAX });
    matched += page.messages.filter((message) => message.offset < until && selection.includes(message)).length;
    next = page.next === undefined ? undefined : selection.from(page.next);
  }
  return { matched, complete: true };
}

/** The progress of a redrive. Errors: CONSUMER_GROUP_NOT_FOUND, NOT_FOUND. */
export async function redriveProgress(store: Redriving, groupName: string, jobId: string): Promise<RedriveJob> {
  const group = await store.groups.get(groupName);
  const job = JOB_ID.test(jobId) ? await readJob(store, group, jobId) : undefined;
  return job ?? noJob(groupName, jobId);
}

/** Continues a redrive for REDRIVE_TURN_MS. Errors: CONSUMER_GROUP_NOT_FOUND, NOT_FOUND. */
export async function resumeRedrive(store: Redriving, groupName: string, jobId: string): Promise<RedriveJob> {
  const group = await store.groups.get(groupName);
  const untilMs = store.clock.nowMs() + REDRIVE_TURN_MS;
  const job = JOB_ID.test(jobId) ? await goOn(store, group, jobId, untilMs) : undefined;
  return job ?? noJob(groupName, jobId);
}

function noJob(groupName: string, jobId: string): never {
  throw new BrokerError(
    "NOT_FOUND",
    `Group '${groupName}' has no redrive '${jobId.slice(0, 100)}'. A redrive is remembered for seven days.`,
  );
}

async function readJob({ items }: Redriving, group: ConsumerGroup, jobId: string): Promise<RedriveJob | undefined> {
  const item = await items.get(redriveJobKey(group.uid, jobId));
  return item && redriveJobOf(item);
}

/** Moves what it can until the clock says `untilMs` or the signal aborts. Answers the job after that; `undefined` if there is none. */
export async function continueRedrive(
  store: Redriving,
  group: ConsumerGroup,
  jobId: string,
  { untilMs, signal }: { readonly untilMs: number; readonly signal?: AbortSignal | undefined },
): Promise<RedriveJob | undefined> {
  const read = () => readJob(store, group, jobId);
  let job = await read();
  if (job?.state !== "RUNNING") return job;
  const selection = selected(job.selection);
  try {
    const route = await routeTo(store, group, job.target);
    const deadLetters = await store.topics.get(deadLetterTopicName(group.name));
    const work = { store, group, deadLetters, route, selection };
    while (job?.state === "RUNNING" && store.clock.nowMs() < untilMs) {
      const waitMs = job.paceMs - store.clock.nowMs();
      if (waitMs > 0 && store.clock.nowMs() + waitMs >= untilMs) return job;
      if (waitMs > 0) await store.clock.sleep(waitMs, signal);
      if (signal?.aborted) return job;
      await step(work, job);
      job = await read();
    }
  } catch (error) {
    if (!BrokerError.is(error) || error.retryable || !job) throw error;
    await end(store, job, error.message);
    job = await read();
  }
  return job;
}

/** Moves the next few messages, or passes over unselected ones. A lost race changes nothing. */
async function step({ store, deadLetters, route, selection }: Work, job: RedriveJob): Promise<void> {
  const { items, log, clock } = store;
  const from = selection.from(job.next);
  if (from === undefined || from >= job.until) return end(store, job, undefined);
  const page = await readOpen(store, deadLetters, from, { count: SCAN_CHUNK, bytesMax: SEND_BYTES_MAX });
  const letters = page.messages.filter((message) => message.offset < job.until && selection.includes(message)).map(deadLetterOf);
  const batch = together(letters, route, job);
  const [first] = batch;
  const behind = letters[batch.length];
  const next = behind?.offset ?? Math.min(page.next ?? job.until, job.until);
  const unreadable = page.unreadable.filter(({ offset }) => offset < next && selection.mayInclude(offset)).length;
  const { key, changes, when } = stepOf(job, { next, moved: batch.length, unreadable }, clock.nowMs());
  if (!first) {
    await items.update(key, changes, { when });
    return;
  }
  const destination = await route.destinationOf(first);
  if (!destination) throw new BrokerError("CONSUMER_GROUP_NOT_FOUND", `Group '${job.group}' was deleted.`);
  const outcome = await log.append(destination.topic, destination.queueId, batch, {
    companions: () => [
      { kind: "update", key, changes, when },
      floorStands(deadLetters.uid, page.floor),
      ...batch.map((letter) => ({
        kind: "put" as const,
        item: tombstone(deadLetters, letter, job.jobId),
        when: [{ op: "absent" as const, name: "pk" }],
      })),
    ],
  });
  if (outcome.status === "stored") route.ring(destination);
}

/** The first letters that may share a frame. Errors: those of the route for the very first. */
function together(letters: readonly DeadLetter[], route: Route, { ratePerSecond }: RedriveJob): readonly DeadLetter[] {
  const [first] = letters;
  if (!first) return [];
  const key = route.keyOf(first);
  const allowed = Math.min(REDRIVE_BATCH_MAX, ratePerSecond ?? REDRIVE_BATCH_MAX);
  const most = Math.min(allowed, countInFrame(letters));
  const end = letters.findIndex((letter, index) => index >= most || (index > 0 && !mayFollow(route, letter, key)));
  return end < 0 ? letters : letters.slice(0, end);
}

/** A letter that the route refuses gets its own step, which reports the refusal. */
function mayFollow(route: Route, letter: DeadLetter, key: string): boolean {
  try {
    return route.keyOf(letter) === key;
  } catch (error) {
    if (BrokerError.is(error)) return false;
    throw error;
  }
}

/** Ends a redrive. If two processes do, only one succeeds and reports it. */
async function end({ items, clock, events }: Redriving, job: RedriveJob, failure: string | undefined): Promise<void> {
  const { ok } = await items.transact(endOf(job, failure, clock.nowMs()));
  if (!ok) return;
  const { group, jobId, moved, unreadable } = job;
  const state = failure === undefined ? "DONE" : "FAILED";
  events.happened({ kind: "redriveEnded", group, jobId, state, moved, unreadable, reason: failure });
}

/** The range of the current dead letters. */
async function extent({ items, log, topics }: Redriving, group: ConsumerGroup): Promise<{ from: number; until: number }> {
  const topic = await topics.get(deadLetterTopicName(group.name));
  const queue = queueOf(topic, 0);
  const [floor, minOffset, until] = await Promise.all([
    floorOf(items, topic.uid),
    log.reader.minOffset(queue),
    log.reader.maxOffset(queue),
  ]);
  return { from: Math.max(floor, minOffset), until };
}

function checkIds(ids: readonly string[] | undefined): void {
  const at = ids?.findIndex((id) => offsetOfDeadLetter(id) === undefined) ?? -1;
  if (at < 0) return;
  const detail = "Must be the id of a dead letter, as the list shows it.";
  throw new BrokerError("BAD_REQUEST", `/ids/${at}: ${detail}`, { errors: [{ field: `/ids/${at}`, detail }] });
}
