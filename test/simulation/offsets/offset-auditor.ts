import { generationKey, progressKey } from "../../../core/keys.ts";
import type { Item, Key } from "../../../core/ports/item-store.ts";
import { Violations } from "../audit/violations.ts";
import type { Changed, Watcher } from "../audit/watched-store.ts";

/** What a member, or a client that is none, wants to commit: one intention, however often it is sent. */
export interface Attempt {
  readonly by: string;
  readonly queueId: number;
  readonly offset: number;
  /** The first offset of those that it pulled one after the other up to here. */
  readonly from: number;
  /** `undefined`: it is no member. */
  readonly generation: number | undefined;
  /** When it heard of the generation, or, as no member, read where the group is. */
  readonly heardMs: number;
  readonly allowRewind: boolean;
  /** It commits what it knows is not its own. */
  readonly foreign: boolean;
}

interface Tried extends Attempt {
  /** No answer came yet, or one of its requests was given up, and may still be under way. */
  mayApply: boolean;
}

interface Moment {
  readonly atMs: number;
  readonly offset: number;
}

interface Queue {
  readonly moments: Moment[];
  readonly attempts: Tried[];
  /** When a reset last took effect. */
  resetMs: number;
  /** The highest offset since then: what is before it was done once, even if a rewind brought it back. */
  reached: number;
}

/** A reset may take effect on each queue once. Which of several did is not known, so what one did may be counted as another's. */
type Reset = { readonly queueIds: Set<number> };

/**
 * Sees every write of the group's progress in the order in which they took effect, and compares it with what clients asked for, and were
 * answered.
 *
 * - O1 The offset goes back only by a reset or an allowed rewind.
 * - O2 Once any member has heard of a generation, no commit of an earlier one takes effect, and none that was pulled before a reset.
 * - O3 Every message that a commit passes was pulled by who committed, or passed before.
 * - O4 What is answered was so at some moment of the request.
 */
export class OffsetAuditor implements Watcher {
  readonly violations = new Violations();
  /** How often each thing happened. A history in which one did not proves nothing of it. */
  readonly met = { commits: 0, stale: 0, backwards: 0, rewinds: 0, resets: 0, received: 0, nobody: 0 };
  readonly #nowMs: () => number;
  readonly #queues = new Map<number, Queue>();
  readonly #resets = new Set<Reset>();
  #subscriptionUid = "";
  #groupUid = "";
  #current = 0;
  #heard = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  follow(subscriptionUid: string, groupUid: string, queues: number): void {
    this.#subscriptionUid = subscriptionUid;
    this.#groupUid = groupUid;
    for (let queueId = 0; queueId < queues; queueId++)
      this.#queues.set(queueId, { moments: [{ atMs: 0, offset: 0 }], attempts: [], resetMs: 0, reached: 0 });
  }

  wants({ pk }: Key): boolean {
    return this.#queueAt(pk) !== undefined || pk === generationKey(this.#groupUid).pk;
  }

  refused(): void {}

  async changed(items: readonly Changed[]): Promise<void> {
    for (const { key, before, after } of items) {
      const queueId = this.#queueAt(key.pk);
      if (queueId === undefined) this.#current = (after?.n as number | undefined) ?? 0;
      else if (before && after) this.#progressed(queueId, before, after);
    }
  }

  heard(generation: number): void {
    this.#heard = Math.max(this.#heard, generation);
  }

  resetStarted(queueIds: readonly number[]): { refused(): void } {
    const reset = { queueIds: new Set(queueIds) };
    this.#resets.add(reset);
    return { refused: () => this.#resets.delete(reset) };
  }

  tries(attempt: Attempt): { answered(askedMs: number): void; refused(): void; givenUp(): void } {
    const queue = this.#of(attempt.queueId);
    const tried: Tried = { ...attempt, mayApply: true };
    let loose = false;
    queue.attempts.push(tried);
    return {
      answered: (askedMs) => {
        this.met.commits++;
        if (attempt.allowRewind) this.met.rewinds++;
        if (attempt.generation === undefined) this.met.nobody++;
        if (attempt.foreign) this.violations.add("O2", `${attempt.by} commits queue ${attempt.queueId}, which is not its own`);
        tried.mayApply = loose;
        this.#wasSo(attempt.queueId, attempt.offset, askedMs, `${attempt.by} is told that it committed`);
      },
      refused: () => {
        tried.mayApply = loose;
      },
      givenUp: () => {
        loose = true;
      },
    };
  }

  /** A read was answered. */
  read(queueId: number, offset: number, askedMs: number): void {
    this.#wasSo(queueId, offset, askedMs, "a reader is told");
  }

  #wasSo(queueId: number, offset: number, askedMs: number, who: string): void {
    const { moments } = this.#of(queueId);
    const begun = moments.findLastIndex(({ atMs }) => atMs < askedMs);
    if (moments.slice(begun).some((moment) => moment.offset === offset)) return;
    const was = moments.slice(begun).map((moment) => moment.offset);
    this.violations.add("O4", `${who} ${offset} of queue ${queueId}, which was ${was.join(", ")} since ${askedMs}`);
  }

  #progressed(queueId: number, before: Item, after: Item): void {
    const queue = this.#of(queueId);
    const [was, is] = [before.n as number, after.n as number];
    const atMs = this.#nowMs();
    const again = before.g !== after.g;
    if (is === was && !again) return;
    queue.moments.push({ atMs, offset: is });
    const { reached } = queue;
    queue.reached = Math.max(reached, is);
    // A receive takes what it moves past.
    if (Object.keys(after).some((name) => /^f.{4}$/.test(name) && !(name in before))) {
      this.met.received++;
      return;
    }
    const fitting = queue.attempts.filter((attempt) => this.#mayHaveMade(attempt, queue, { was, is, again, reached }));
    if (fitting.length > 0) return;
    if (again && this.#takesReset(queueId)) {
      queue.resetMs = atMs;
      queue.reached = is;
      this.met.resets++;
      return;
    }
    const asked = queue.attempts.filter((attempt) => attempt.offset === is);
    const what = `queue ${queueId} goes from ${was} to ${is} at ${atMs}, in generation ${this.#current}, with ${this.#heard} heard`;
    if (is < was) this.violations.add("O1", `${what}, and nobody asked for that`);
    else this.violations.add(asked.some((one) => one.from <= reached) ? "O2" : "O3", `${what}, by ${JSON.stringify(asked)}`);
  }

  #mayHaveMade(
    attempt: Tried,
    { resetMs }: Queue,
    { was, is, again, reached }: { readonly was: number; readonly is: number; readonly again: boolean; readonly reached: number },
  ): boolean {
    if (!attempt.mayApply || attempt.foreign || attempt.offset !== is || attempt.heardMs < resetMs) return false;
    if (again !== is < was || (again && !attempt.allowRewind)) return false;
    if (!again && attempt.from > reached) return false;
    // Whoever is no member commits where nobody has heard of the generation.
    return attempt.generation === undefined
      ? this.#current === 0 || this.#heard < this.#current
      : attempt.generation >= this.#heard;
  }

  #takesReset(queueId: number): boolean {
    for (const reset of this.#resets) if (reset.queueIds.delete(queueId)) return true;
    return false;
  }

  #queueAt(pk: string): number | undefined {
    for (const queueId of this.#queues.keys()) if (progressKey(this.#subscriptionUid, queueId).pk === pk) return queueId;
    return undefined;
  }

  #of(queueId: number): Queue {
    const queue = this.#queues.get(queueId);
    if (!queue) throw new Error(`there is no queue ${queueId}`);
    return queue;
  }
}
