import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import { scheduleMessage } from "../timer/schedule-message.ts";
import type { TimerPlace } from "../timer/timer.ts";
import type { Destination, Identities, SentBefore } from "./destination.ts";
import { isOfTimer } from "./known-send.ts";
import { type Producing, receiptOfRepeat, recordOf } from "./producing.ts";

/** When a message is due, and the id of its timer. */
export interface Delay {
  readonly dueMs: number;
  readonly id: string;
}

/** The timer of one message. */
export class TimerDestination implements Destination<SendReceipt> {
  readonly #producing: Producing;
  readonly #topic: Topic;
  readonly #delay: Delay;

  constructor(producing: Producing, topic: Topic, delay: Delay) {
    this.#producing = producing;
    this.#topic = topic;
    this.#delay = delay;
  }

  async store([message]: readonly MessageInput[], identities?: Identities) {
    if (!message) throw new Error("a timer without a message");
    const { dueMs, id } = this.#delay;
    const record = recordOf(message, this.#producing.clock.nowMs());
    const companions = identities && ((place: TimerPlace) => identities({ kind: "timer", ...place }));
    const dedupKey = message.once?.kind === "key" ? message.once.key : undefined;
    const outcome = await scheduleMessage(this.#producing, this.#topic, { record, dueMs, id, dedupKey }, companions);
    // The identity that was met may be that of an earlier attempt of this very write, whose timer has already fired.
    if (outcome.status === "refused" && !outcome.currents.some((met) => met?.current && isOfTimer(met.current, id)))
      return outcome;
    const recallHandle = this.#producing.recallHandles.write(this.#topic.uid, outcome.place);
    const receipt = { messageId: record.messageId ?? id, deliverAtMs: dueMs, recallHandle, duplicate: false };
    return { status: "stored", receipts: [receipt] } as const;
  }

  receiptOf(sent: SentBefore): Promise<SendReceipt> {
    return receiptOfRepeat(this.#producing, this.#topic, sent);
  }
}
