import type { Arrivals } from "../consume/arrivals.ts";
import { BrokerError } from "../errors.ts";
import { SEND_DEADLINE_MS, SEND_PATIENCE_MS } from "../limits.ts";
import type { AppendOptions, AppendOutcome, FramePlace } from "../log/queue-log.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { asBrokerError } from "../store-errors.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import type { RecallHandles } from "../timer/recall-handle.ts";
import { type Scheduling, scheduleMessage } from "../timer/schedule-message.ts";
import type { TimerPlace } from "../timer/timer.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { isOfTimer } from "./known-send.ts";
import type { QueueChoice } from "./queue-choice.ts";
import { storeByKey } from "./store-by-key.ts";
import { storeBySequence } from "./store-by-sequence.ts";
import { type AnswerRepeat, offsetSent, type WriteTogether } from "./stored-once.ts";

export interface Producing extends Scheduling {
  readonly topics: TopicRegistry;
  readonly arrivals: Arrivals;
  readonly choice: QueueChoice;
  readonly recallHandles: RecallHandles;
}

/** When a message is due, and the id of its timer. */
export interface Delay {
  readonly dueMs: number;
  readonly id: string;
}

/** Entries of one call that are stored together: those of a queue, or one that is delayed. */
export interface Portion {
  readonly delay: Delay | undefined;
  queueId: number;
  /** Whether another queue would do as well: not where others of the call have theirs, with which order is kept. */
  free: boolean;
  readonly entries: { readonly index: number; readonly entry: MessageInput }[];
}

type Write = WriteTogether<MessageInput, SendReceipt>;

/** Stores a portion and puts the result of each entry at its index. Never throws what a caller or a store did. */
export async function storePortion(
  producing: Producing,
  topic: Topic,
  portion: Portion,
  results: (SendReceipt | BrokerError)[],
): Promise<void> {
  const entries = portion.entries.map(({ entry }) => entry);
  const stored = await storeEntries(producing, topic, portion, entries);
  for (const [at, { index }] of portion.entries.entries()) results[index] = stored[at] as SendReceipt | BrokerError;
}

async function storeEntries(
  producing: Producing,
  topic: Topic,
  portion: Portion,
  entries: readonly MessageInput[],
): Promise<readonly (SendReceipt | BrokerError)[]> {
  const { delay } = portion;
  const write = delay ? toTimer(producing, topic, delay) : toQueue(producing, topic, portion);
  const answer = answerRepeat(producing, topic);
  if (entries[0]?.once?.kind === "sequence") return storeBySequence(producing, topic.uid, entries, write, answer);
  if (entries.some(({ once }) => once)) return storeByKey(producing, topic.uid, entries, write, answer);
  try {
    const outcome = await write(entries);
    if (outcome.status === "refused") throw new Error("a write without companions was refused");
    return outcome.receipts;
  } catch (error) {
    const failure = asBrokerError(error);
    return entries.map(() => failure);
  }
}

const toQueue =
  (producing: Producing, topic: Topic, portion: Portion): Write =>
  async (entries, identities) => {
    const nowMs = producing.clock.nowMs();
    const records = entries.map((entry) => recordOf(entry, nowMs));
    const companions = identities && ((place: FramePlace) => identities({ kind: "queue", ...place }));
    const outcome = await appendPortion(producing, topic, portion, records, { companions, deadlineMs: nowMs + SEND_DEADLINE_MS });
    if (outcome.status === "refused") return outcome;
    const { queueId } = portion;
    const receipts = outcome.messageIds.map((messageId, at) => ({
      messageId,
      queueId,
      offset: outcome.offset + at,
      duplicate: false,
    }));
    return { status: "stored", receipts };
  };

const toTimer =
  (producing: Producing, topic: Topic, { dueMs, id }: Delay): Write =>
  async ([entry], identities) => {
    if (!entry) throw new Error("a timer without a message");
    const record = recordOf(entry, producing.clock.nowMs());
    const companions = identities && ((place: TimerPlace) => identities({ kind: "timer", ...place }));
    const dedupKey = entry.once?.kind === "key" ? entry.once.key : undefined;
    const outcome = await scheduleMessage(producing, topic, { record, dueMs, id, dedupKey }, companions);
    // What was met may be of an earlier try of this very write, whose timer is gone by now: it fired.
    if (outcome.status === "refused" && !outcome.currents.some((met) => met?.current && isOfTimer(met.current, id)))
      return outcome;
    const recallHandle = producing.recallHandles.write(topic.uid, outcome.place);
    return {
      status: "stored",
      receipts: [{ messageId: record.messageId ?? id, deliverAtMs: dueMs, recallHandle, duplicate: false }],
    };
  };

const answerRepeat =
  ({ log, recallHandles }: Producing, topic: Topic): AnswerRepeat<SendReceipt> =>
  async ({ place, ordinal, messageId }) => {
    switch (place.kind) {
      case "queue":
        return { messageId, queueId: place.queueId, offset: await offsetSent(log, topic.uid, place, ordinal), duplicate: true };
      case "timer":
        return { messageId, deliverAtMs: place.dueMs, recallHandle: recallHandles.write(topic.uid, place), duplicate: true };
      case "transaction":
        throw new BrokerError("BAD_REQUEST", `This key belongs to the transaction ${place.id}. Use another one.`);
    }
  };

/** Appends to the portion's queue; where another queue would do and this one does not take it, to another. */
async function appendPortion(
  { log, clock, choice }: Producing,
  topic: Topic,
  portion: Portion,
  records: readonly MessageRecord[],
  { companions, deadlineMs }: Pick<AppendOptions, "companions"> & { readonly deadlineMs: number },
): Promise<AppendOutcome> {
  for (;;) {
    const { queueId, free } = portion;
    const startedAtMs = clock.nowMs();
    const movable = free && topic.writeQueues > 1 && startedAtMs < deadlineMs;
    try {
      const giveUpAtMs = movable ? Math.min(deadlineMs, startedAtMs + SEND_PATIENCE_MS) : deadlineMs;
      const outcome = await log.append(topic, queueId, records, { giveUpAtMs, companions, objectUntilMs: deadlineMs });
      if (outcome.status === "stored")
        choice.saw(topic.uid, queueId, { latencyMs: clock.nowMs() - startedAtMs, lostRaces: outcome.lostRaces });
      return outcome;
    } catch (error) {
      if (StoreUnavailable.is(error)) choice.saw(topic.uid, queueId, "failed");
      if (!movable || !canMove(error) || clock.nowMs() >= deadlineMs) throw error;
      portion.queueId = choice.choose(topic);
    }
  }
}

/** Only what certainly did not happen may be tried elsewhere. */
const canMove = (error: unknown): boolean =>
  StoreUnavailable.is(error) && error.outcome === "not-applied" && error.reason !== "full";

const NO_PROPERTIES: ReadonlyMap<string, string> = new Map();

export const recordOf = (message: MessageInput, nowMs: number): MessageRecord => ({
  messageId: message.messageId,
  bornAtMs: message.bornAtMs ?? nowMs,
  tag: message.tag,
  keys: message.keys ?? [],
  properties: message.properties ?? NO_PROPERTIES,
  messageGroup: message.messageGroup,
  priority: message.priority,
  body: message.body,
});
