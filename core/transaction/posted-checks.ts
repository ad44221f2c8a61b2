import { BrokerError } from "../errors.ts";
import { frameWeight } from "../log/frame.ts";
import type { Events } from "../ports/events.ts";
import type { Change } from "../ports/item-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import type { AskProducer, ProducersAnswer } from "./ask-producer.ts";
import { type EndingTransactions, endTransaction } from "./end-transaction.ts";
import { closedOff, type Endpoint, type Endpoints, isOf, type WaitingPost } from "./endpoints.ts";
import { ASKED, failing, frameOf, type HalfMessage, halfMessageKey, halfMessageOf, undecidedAfter } from "./half-message.ts";
import { POSTS_WAITING_MAX, SLOW_POST_MS } from "./post-limits.ts";
import { type Post, PostSlots } from "./post-slots.ts";
import type { ProducerGroupRegistry } from "./producer-group-registry.ts";
import { sideBySide } from "./side-by-side.ts";
import type { ProducerGroup, Resolution, TransactionCheck } from "./transaction.ts";
import { transactionCheck } from "./transaction-check.ts";
import { NOTES_WRITTEN_AT_ONCE } from "./transaction-limits.ts";

const SCAN_ENDED = "It was not posted: its turn had not come when the scanner's run ended.";
const OTHERS_WAIT = "It was not posted: too many checks wait for their turn.";
const CHANGED = "It was not posted: the endpoint of its producer group changed meanwhile.";
const UNREADABLE = "It was not posted: its message cannot be read.";
const STORE_AWAY = "It was not posted: the store did not answer.";

/**
 * Posts checks to the endpoints of producer groups, while timers go on. Endpoints take turns, and each has a share of the room
 * (`PostSlots`), so a slow or dead one holds up only itself. An endpoint that does not answer is left alone for a while
 * (`EndpointBreaker`). Only ids wait: the message is read when its turn has come, and dropped if the transaction is decided by then. A
 * check that is not posted is noted on its transaction, reported as an event, and counted.
 */
export class PostedChecks {
  readonly #transactions: EndingTransactions;
  readonly #producerGroups: ProducerGroupRegistry;
  readonly #endpoints: Endpoints;
  readonly #ask: AskProducer | undefined;
  readonly #events: Events;
  readonly #onFailure: (error: unknown) => void;
  readonly #slots = new PostSlots();
  /** Endpoints with checks that wait, the next one first. */
  readonly #turns = new Set<Endpoint>();
  #waiting = 0;
  /** Posts, notes, and other work that must end before the process may. */
  readonly #running = new Set<Promise<void>>();
  #waking: AbortController | undefined;
  #notPosted = 0;

  /** Without `ask` nothing is posted. */
  constructor(
    transactions: EndingTransactions,
    groups: { readonly producerGroups: ProducerGroupRegistry; readonly endpoints: Endpoints },
    ask: AskProducer | undefined,
    hearers: { readonly events: Events; readonly onFailure: (error: unknown) => void },
  ) {
    this.#transactions = transactions;
    this.#producerGroups = groups.producerGroups;
    this.#endpoints = groups.endpoints;
    this.#ask = ask;
    this.#events = hearers.events;
    this.#onFailure = hearers.onFailure;
  }

  /** How many checks were not posted by this process. */
  get notPosted(): number {
    return this.#notPosted;
  }

  /** Where this group's checks are posted; `undefined`: nowhere. Errors: `StoreUnavailable`. */
  async endpointOf(group: ProducerGroup | undefined): Promise<Endpoint | undefined> {
    if (!this.#ask || !group || group.url === undefined || !group.secret) return undefined;
    return this.#endpoints.of(group);
  }

  /**
   * Why a check would not be posted now; `undefined`: it would be, in its turn. If an earlier check of the transaction waits, the new
   * one takes its place.
   */
  refusal(endpoint: Endpoint, transactionId: string): string | undefined {
    const { breaker, waiting, pace } = endpoint;
    if (waiting.has(transactionId)) return undefined;
    if (breaker.isOpen(this.#nowMs)) return closedOff(endpoint, this.#nowMs);
    const troubled = pace === "slow" || breaker.trouble !== undefined;
    if (waiting.size >= POSTS_WAITING_MAX[troubled ? "troubled" : "endpoint"] || this.#waiting >= POSTS_WAITING_MAX.all)
      return OTHERS_WAIT;
    return undefined;
  }

  /** Queues a check that was just made. */
  add(endpoint: Endpoint, half: HalfMessage, checkNumber: number): void {
    const refusal = this.refusal(endpoint, half.id);
    const post = { transactionId: half.id, checkNumber, bytes: frameWeight(frameOf(half)) };
    if (refusal !== undefined) {
      this.#giveUp(endpoint, [post], refusal);
      return;
    }
    if (!endpoint.waiting.has(half.id)) this.#waiting++;
    endpoint.waiting.set(half.id, post);
    this.#turns.add(endpoint);
    this.#start();
  }

  /** Reports a check that was refused. Its transaction says so already. */
  refused({ group }: Endpoint, transactionId: string, checkNumber: number, reason: string): void {
    this.#notPosted++;
    this.#events.happened({ kind: "checkNotPosted", producerGroup: group.name, transactionId, checkNumber, reason });
  }

  /** Resolves when all posts are answered and noted. Checks whose turn has not come by `untilMs` are noted as not posted. */
  async finish(untilMs: number): Promise<void> {
    while (this.#running.size > 0 || this.#waiting > 0) {
      if (this.#nowMs >= untilMs || this.#running.size === 0)
        for (const endpoint of this.#turns) this.#giveUpWaiting(endpoint, SCAN_ENDED);
      await Promise.race(this.#running);
    }
    this.#waking?.abort();
  }

  get #nowMs(): number {
    return this.#transactions.clock.nowMs();
  }

  /** Starts the posts that may start. After its turn, an endpoint goes behind the others. */
  #start(): void {
    let noSpace = false;
    for (const endpoint of this.#turns) {
      const [next] = endpoint.waiting.values();
      const nowMs = this.#nowMs;
      if (!next) this.#turns.delete(endpoint);
      if (!next || !endpoint.breaker.admits(nowMs) || !this.#slots.hasShare(endpoint, next.bytes)) continue;
      if (!this.#slots.hasSpace(endpoint, next.bytes, nowMs)) {
        noSpace = true;
        continue;
      }
      endpoint.waiting.delete(next.transactionId);
      this.#waiting--;
      this.#turns.delete(endpoint);
      if (endpoint.waiting.size > 0) this.#turns.add(endpoint);
      this.#keep(this.#run(endpoint, next));
    }
    if (noSpace) this.#wakeWhenOneIsSlow();
  }

  #wakeWhenOneIsSlow(): void {
    const atMs = this.#slots.nextSlowMs(this.#nowMs);
    if (this.#waking || atMs === undefined) return;
    const waking = new AbortController();
    this.#waking = waking;
    const { clock } = this.#transactions;
    void clock.sleep(Math.max(1, atMs - this.#nowMs), waking.signal).then(() => {
      this.#waking = undefined;
      if (!waking.signal.aborted) this.#start();
    });
  }

  /** Keeps work that must end before the process may. */
  #keep(work: Promise<void>): void {
    const kept = work.catch(this.#onFailure).finally(() => this.#running.delete(kept));
    this.#running.add(kept);
  }

  async #run(endpoint: Endpoint, waiting: WaitingPost): Promise<void> {
    const post: Post = { endpoint, bytes: waiting.bytes, pace: endpoint.pace };
    const probe = endpoint.breaker.starts();
    this.#slots.add(post);
    try {
      await this.#post(post, endpoint, waiting, probe);
    } finally {
      if (probe) endpoint.breaker.calledOff();
      this.#slots.remove(post);
      this.#start();
    }
  }

  async #post(post: Post, endpoint: Endpoint, waiting: WaitingPost, probe: boolean): Promise<void> {
    const asked = await this.#readAgain(waiting).catch((error: unknown) => {
      if (!StoreUnavailable.is(error)) throw error;
      this.#onFailure(error);
      return STORE_AWAY;
    });
    if (asked === undefined) return;
    if (typeof asked === "string") return this.#giveUp(endpoint, [waiting], asked);
    const { half, group } = asked;
    if (!group || !isOf(endpoint, group)) return this.#giveUp(endpoint, [waiting], CHANGED);
    const answer = await this.#call(post, half, group);
    if (typeof answer === "string") return this.#giveUp(endpoint, [waiting], answer);
    if ("failure" in answer && answer.endpoint === "notCalled")
      return this.#giveUp(endpoint, [waiting], `It was not posted: ${answer.failure}`);
    this.#learn(endpoint, answer, probe);
    if ("failure" in answer) return this.#note(half, answer.failure);
    if (answer.resolution !== "unknown") return this.#end(half, answer.resolution);
    if (!half.asked) await this.#write(half, [ASKED]);
  }

  /** The half message and its group; `undefined`: the check is no longer needed. Errors: `StoreUnavailable`. */
  async #readAgain(
    waiting: WaitingPost,
  ): Promise<{ readonly half: HalfMessage; readonly group: ProducerGroup | undefined } | undefined> {
    const half = await this.#stillAsked(waiting);
    return half && { half, group: await this.#producerGroups.lookUp(half.producerGroup) };
  }

  /** The half message, unless it was decided meanwhile, or another process made a later check. */
  async #stillAsked({ transactionId, checkNumber }: WaitingPost): Promise<HalfMessage | undefined> {
    const item = await this.#transactions.items.get(halfMessageKey(transactionId));
    const half = item && halfMessageOf(item);
    return half?.state === "PREPARED" && half.checks === checkNumber ? half : undefined;
  }

  /** Calls the endpoint. A text says why it was not called. The message may be large, so it is not held while the endpoint works. */
  async #call(post: Post, half: HalfMessage, group: ProducerGroup): Promise<ProducersAnswer | string> {
    const calling = transactionCheck(this.#transactions.log, half, half.checks).then((check) => {
      post.calledAtMs = this.#nowMs;
      if (this.#turns.size > 0) this.#wakeWhenOneIsSlow();
      return this.#asking(check, group);
    });
    try {
      return await calling;
    } catch (error) {
      const unread = StoreCorrupt.is(error) || (StoreUnavailable.is(error) && post.calledAtMs === undefined);
      if (!unread) throw error;
      this.#onFailure(error);
      return StoreCorrupt.is(error) ? UNREADABLE : STORE_AWAY;
    } finally {
      const { endpoint, calledAtMs } = post;
      if (calledAtMs !== undefined) endpoint.pace = this.#nowMs - calledAtMs < SLOW_POST_MS ? "fast" : "slow";
      post.calledAtMs = undefined;
    }
  }

  #asking(check: TransactionCheck, { url, secret }: ProducerGroup): Promise<ProducersAnswer> {
    if (!this.#ask || url === undefined || !secret) throw new Error("a check has nowhere to be posted to");
    return this.#ask(check, { url, secret });
  }

  #learn(endpoint: Endpoint, answer: ProducersAnswer, probe: boolean): void {
    const { breaker } = endpoint;
    const silent = "failure" in answer && answer.endpoint === undefined;
    const changed = silent ? breaker.unanswered(this.#nowMs, answer.failure, probe) : breaker.answered();
    if (!changed) return;
    this.#keep(this.#endpoints.save(endpoint));
    if (breaker.trouble) this.#giveUpWaiting(endpoint, closedOff(endpoint, this.#nowMs));
  }

  async #end(half: HalfMessage, resolution: Resolution): Promise<void> {
    try {
      await endTransaction(this.#transactions, half.id, resolution);
    } catch (error) {
      if (!BrokerError.is(error)) throw error;
      await this.#note(half, error.message);
    }
  }

  /** Notes on an undecided transaction why its check failed. */
  async #note(half: HalfMessage, failure: string): Promise<void> {
    const { id: transactionId, producerGroup, checks: checkNumber } = half;
    this.#events.happened({ kind: "webhookFailed", producerGroup, transactionId, checkNumber, reason: failure });
    await this.#write(half, [failing(failure), ASKED]);
  }

  async #write({ id, checks }: HalfMessage, changes: readonly Change[]): Promise<void> {
    await this.#transactions.items.update(halfMessageKey(id), changes, { when: undecidedAfter(checks) });
  }

  #giveUpWaiting(endpoint: Endpoint, why: string): void {
    const waiting = [...endpoint.waiting.values()];
    endpoint.waiting.clear();
    this.#waiting -= waiting.length;
    this.#turns.delete(endpoint);
    this.#giveUp(endpoint, waiting, why);
  }

  /** Notes that checks are not posted. */
  #giveUp(endpoint: Endpoint, posts: readonly WaitingPost[], why: string): void {
    const noted = sideBySide(posts, NOTES_WRITTEN_AT_ONCE, async ({ transactionId, checkNumber }) => {
      this.refused(endpoint, transactionId, checkNumber, why);
      const when = undecidedAfter(checkNumber);
      await this.#transactions.items.update(halfMessageKey(transactionId), [failing(why)], { when });
    });
    this.#keep(
      noted.then((errors) => {
        for (const error of errors) this.#onFailure(error);
      }),
    );
  }
}
