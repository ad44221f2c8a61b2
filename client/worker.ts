import { mayPass } from "./apogee-error.ts";
import type { Clock } from "./clock.ts";
import { LaneQueue } from "./lane-queue.ts";
import { type Lease, LeaseKeeper, type LeaseLost } from "./lease-keeper.ts";
import { randomId } from "./random-id.ts";
import { isReject, type ReceivedMessage, settleFailed } from "./received-message.ts";
import { RECEIVE_MAX, type Receiver, WAIT_SECONDS_MAX } from "./receiver.ts";
import { backoffMs, DEFAULT_RETRY } from "./retry.ts";

/** What a handler is given beside its messages. */
export interface HandlerContext {
  /** Aborts when the lease is lost, so that another consumer may have the message, and when a drain takes too long. */
  readonly signal: AbortSignal;
  /** Hides the message for so many seconds from now. A worker extends leases by itself; this is for those who know it will take long. */
  extend(leaseSeconds: number): Promise<void>;
}

export interface WorkOptions {
  /** Handlers at once. Default 16. */
  readonly concurrency?: number;
  /** Ends the worker: it drains, and its promise resolves. */
  readonly signal?: AbortSignal;
  /** Default: the group's, as of the start. */
  readonly leaseSeconds?: number;
  /** No lease is extended beyond it. Default 12 hours. */
  readonly maxLeaseSeconds?: number;
  /** Default: all that the group is subscribed to. */
  readonly topics?: readonly string[];
  /** Messages held beside those that handlers work at. Default: as many as handlers finish in a quarter of a second, 1,024 at most. */
  readonly prefetch?: number;
  /** Longest that a drain waits for handlers, before it aborts their signals. Default 30. */
  readonly drainSeconds?: number;
  /** `false`: SIGTERM and SIGINT do not end the worker. */
  readonly handleSignals?: boolean;
  /** Told what no handler hears: polls and settles that failed, leases that were lost. Default: a line on the console. */
  readonly onError?: (error: unknown, message?: ReceivedMessage) => void;
}

export const reportError = (error: unknown): void => console.error("apogee:", error);

/** How the work is cut: whether each message is a piece of work, or each answer of the broker. */
export interface WorkShape<Value> {
  /** Messages of a piece of work at most. */
  readonly unitMessages: number;
  /** Whether two of one key may not be at work at once: the key of messages that keep an order. */
  laneOf(message: ReceivedMessage<Value>): string | undefined;
  handle(messages: readonly ReceivedMessage<Value>[], context: HandlerContext): Promise<void>;
}

interface Held<Value> {
  readonly message: ReceivedMessage<Value>;
  readonly lease: Lease;
}

/** Messages that a handler gets at once. */
interface Unit<Value> {
  readonly held: readonly Held<Value>[];
  readonly lane: string | undefined;
}

const POLLS_MAX = 16;
const PREFETCH_MAX = 1_024;
/** Of bodies held, from which on nothing is asked for. An answer has about 4 MiB of them at most. */
const HELD_BYTES_MAX = 16 * 1_024 * 1_024;
const PREFETCH_MS = 250;
/** Of asking for what a broken off poll has brought. A stop waits for them, also where the broker is away. */
const GIVE_BACK_ATTEMPTS = 3;
const SECONDS_12_HOURS = 43_200;

/**
 * Receives, hands over and settles. A message is *held* from its receive until it is settled or lost, and its lease is kept all that time:
 * it waits for a handler, then it is at work, then its settlement is on its way. So much is held at most:
 * `concurrency` and `prefetch`. A worker is *working* until it is stopped or fails, then *draining*: it asks for nothing, gives back what
 * no handler has begun, and waits for the handlers that have.
 */
export class Worker<Value> {
  readonly #receiver: Receiver<Value>;
  readonly #clock: Clock;
  readonly #shape: WorkShape<Value>;
  readonly #options: WorkOptions & { readonly leaseSeconds: number };
  readonly #concurrency: number;
  readonly #leases: LeaseKeeper;
  readonly #units = new LaneQueue<Unit<Value>>(({ lane }) => lane);
  readonly #stopping = new AbortController();
  /** By lane: acks on their way. */
  readonly #settling = new Map<string, Set<Promise<void>>>();
  #failure: { readonly error: unknown } | undefined;
  #atWork = 0;
  /** Messages that polls under way may bring. */
  #asked = 0;
  #polls = 0;
  /** What breaks off each of them. */
  readonly #underWay = new Set<AbortController>();
  /** Grows while polls bring all they asked for, falls when they do not, and is one when there is nothing. */
  #pollsAllowed = 1;
  #pollFailures = 0;
  /** How long a handler takes, of late. */
  #handlerMs: number | undefined;
  #drained: (() => void) | undefined;
  readonly #isDrained = new AbortController();

  constructor(
    receiver: Receiver<Value>,
    clock: Clock,
    shape: WorkShape<Value>,
    options: WorkOptions & { readonly leaseSeconds: number },
  ) {
    const { concurrency = 16, leaseSeconds, maxLeaseSeconds = SECONDS_12_HOURS } = options;
    if (!(concurrency >= 1)) throw new TypeError(`A concurrency of ${concurrency} handles nothing.`);
    this.#receiver = receiver;
    this.#clock = clock;
    this.#shape = shape;
    this.#options = options;
    this.#concurrency = concurrency;
    this.#leases = new LeaseKeeper(clock, { leaseSeconds, maxLeaseSeconds });
  }

  /** Works until it is stopped. Errors: what makes further polls useless, such as `CONSUMER_GROUP_NOT_FOUND`, once it has drained. */
  async work(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#step();
    await drained;
    this.#isDrained.abort();
    if (this.#failure) throw this.#failure.error;
  }

  stop(): void {
    if (this.#isStopping) return;
    this.#stopping.abort();
    for (const poll of this.#underWay) poll.abort();
    for (const unit of this.#units.clearReady()) void this.#giveBack(unit);
    void this.#clock.sleep((this.#options.drainSeconds ?? 30) * 1_000, this.#isDrained.signal).then(() => {
      this.#leases.abandon("The worker is stopping.");
      this.#drained?.();
    });
    this.#step();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Begins what can begin. */
  #step(): void {
    while (this.#atWork < this.#concurrency) {
      const unit = this.#units.next();
      if (unit === undefined) break;
      this.#atWork++;
      void this.#handle(unit).finally(() => {
        this.#atWork--;
        // With the piece that has begun they came under one claim, which could not be given back before.
        if (this.#isStopping) this.#giveBackBehind(unit);
        this.#units.done(unit);
        this.#step();
      });
    }
    if (!this.#isStopping) this.#ask();
    else if (this.#atWork + this.#polls + this.#leases.size === 0) this.#drained?.();
  }

  /** Another poll begins when it can bring much, and one goes on in any case where there is room. */
  #ask(): void {
    const { unitMessages } = this.#shape;
    const capacity = (this.#concurrency + this.#prefetch) * unitMessages;
    const worthwhile = Math.min(RECEIVE_MAX, Math.ceil(capacity / 2));
    for (;;) {
      const open = capacity - this.#leases.size - this.#asked;
      // A batch that is not full takes a handler all the same.
      const free = (this.#concurrency - this.#atWork - this.#units.readySize - this.#polls) * unitMessages;
      const room = this.#leases.bytes >= HELD_BYTES_MAX ? 0 : unitMessages === 1 ? open : Math.min(open, free);
      const wanted = this.#polls === 0 ? unitMessages : worthwhile;
      if (this.#polls >= this.#pollsAllowed || room < wanted) return;
      void this.#poll(Math.min(room, unitMessages === 1 ? RECEIVE_MAX : unitMessages));
    }
  }

  get #prefetch(): number {
    const { prefetch } = this.#options;
    if (prefetch !== undefined) return prefetch;
    if (this.#handlerMs === undefined) return 0;
    return Math.min(PREFETCH_MAX, Math.floor((this.#concurrency * PREFETCH_MS) / Math.max(this.#handlerMs, 1)));
  }

  async #poll(max: number): Promise<void> {
    this.#polls++;
    this.#asked += max;
    const attemptId = randomId();
    const poll = new AbortController();
    const { leaseSeconds, topics } = this.#options;
    const asking = { max, leaseSeconds, topics };
    try {
      this.#underWay.add(poll);
      const { signal } = poll;
      this.#arrived(await this.#receiver.receive({ ...asking, waitSeconds: WAIT_SECONDS_MAX, signal }, attemptId), max);
      this.#pollFailures = 0;
    } catch (error) {
      // What the broken off poll may have brought is asked for, so that it need not wait for the end of its lease.
      if (this.#isStopping)
        await this.#receiver.receive({ ...asking, maxAttempts: GIVE_BACK_ATTEMPTS }, attemptId).then(
          (messages) => this.#arrived(messages, max),
          () => undefined,
        );
      else await this.#pollFailed(error);
    } finally {
      this.#underWay.delete(poll);
      this.#polls--;
      this.#asked -= max;
      this.#step();
    }
  }

  async #pollFailed(error: unknown): Promise<void> {
    if (mayPass(error)) {
      this.#report(error);
      await this.#clock.sleep(backoffMs(DEFAULT_RETRY, ++this.#pollFailures), this.#stopping.signal);
      return;
    }
    this.#failure ??= { error };
    this.stop();
  }

  #arrived(messages: readonly ReceivedMessage<Value>[], max: number): void {
    const isFull = messages.length >= max;
    this.#pollsAllowed = isFull
      ? Math.min(POLLS_MAX, this.#pollsAllowed + 1)
      : Math.max(1, messages.length && this.#pollsAllowed - 1);
    const held = messages.map((message) => ({ message, lease: this.#leases.keep(message) }));
    const isWhole = this.#shape.unitMessages > 1 && held.length > 0;
    const units = isWhole
      ? [{ held, lane: undefined }]
      : held.map((one) => ({ held: [one], lane: this.#shape.laneOf(one.message) }));
    for (const unit of units) {
      if (this.#isStopping) void this.#giveBack(unit);
      else this.#units.add(unit);
    }
  }

  async #handle(unit: Unit<Value>): Promise<void> {
    const { held } = unit;
    const fromMs = this.#clock.now();
    try {
      // It was lost while it waited.
      const lost = lossOf(unit);
      if (lost) throw lost;
      const messages = held.map(({ message }) => message);
      await this.#shape.handle(messages, contextOf(held));
      this.#ack(unit);
      // Those behind a message that the handler gave back by hand went with it.
      if (isGivenBack(unit)) this.#giveBackBehind(unit);
    } catch (error) {
      await this.#failed(unit, error);
    } finally {
      const tookMs = this.#clock.now() - fromMs;
      this.#handlerMs = this.#handlerMs === undefined ? tookMs : this.#handlerMs * 0.9 + tookMs * 0.1;
    }
  }

  /** Does not hold up a handler for the answer: acks go in batches. A message that is given back waits for the acks before it. */
  #ack({ held, lane }: Unit<Value>): void {
    const settling = lane === undefined ? undefined : (this.#settling.get(lane) ?? new Set());
    if (lane !== undefined && settling) this.#settling.set(lane, settling);
    for (const one of held) {
      const settled = this.#settle(one, (message) => message.ack()).then(() => {
        settling?.delete(settled);
        if (lane !== undefined && settling?.size === 0) this.#settling.delete(lane);
        this.#step();
      });
      settling?.add(settled);
    }
  }

  async #settle({ message, lease }: Held<Value>, settle: (message: ReceivedMessage<Value>) => Promise<void>): Promise<void> {
    try {
      // By hand, the handler hears what comes of it.
      if (message.isSettled) await message.settled();
      else await settle(message);
    } catch (error) {
      this.#report(error, message);
    } finally {
      lease.release();
    }
  }

  /**
   * Where order is kept, giving one message back gives back its claim: all messages of its message group that came with it. So those
   * before it are acked first, and those behind it, which no handler has seen, go with it.
   */
  async #failed(unit: Unit<Value>, error: unknown): Promise<void> {
    const { held, lane } = unit;
    const lost = lossOf(unit);
    const takesOthers = lost || isGivenBack(unit) || !isReject(error);
    const behind = takesOthers ? this.#behind(unit) : [];
    if (takesOthers && lane !== undefined) await Promise.all(this.#settling.get(lane) ?? []);
    if (lost) this.#report(lost, held[0]?.message);
    const kept = held.filter(({ lease }) => !lease.lost);
    await Promise.all(kept.map((one) => this.#settle(one, (message) => settleFailed(message, error))));
    for (const one of behind) void this.#giveBack(one);
  }

  #behind({ lane }: Unit<Value>): readonly Unit<Value>[] {
    return lane === undefined ? [] : this.#units.clearBehind(lane);
  }

  #giveBackBehind(unit: Unit<Value>): void {
    for (const behind of this.#behind(unit)) void this.#giveBack(behind);
  }

  /** Leaves it to others at once, as if it had not been received. Its claim may be given back already. */
  async #giveBack({ held, lane }: Unit<Value>): Promise<void> {
    if (lane !== undefined) await Promise.all(this.#settling.get(lane) ?? []);
    await Promise.all(
      held.map(async ({ message, lease }) => {
        await message.nack({ delay: 0, countAttempt: false }).catch(() => undefined);
        lease.release();
      }),
    );
    this.#step();
  }

  #report(error: unknown, message?: ReceivedMessage<Value>): void {
    const { onError = reportError } = this.#options;
    onError(error, message);
  }
}

const lossOf = ({ held }: Unit<unknown>): LeaseLost | undefined => held.find(({ lease }) => lease.lost)?.lease.lost;

const isGivenBack = ({ held }: Unit<unknown>): boolean => held.some(({ message }) => message.isGivenBack);

function contextOf(held: readonly Held<unknown>[]): HandlerContext {
  return {
    get signal() {
      const signals = held.map(({ lease }) => lease.signal);
      return signals.length === 1 ? (signals[0] as AbortSignal) : AbortSignal.any(signals);
    },
    extend: async (leaseSeconds) => void (await Promise.all(held.map(({ lease }) => lease.extend(leaseSeconds)))),
  };
}
