import type { ObjectStore } from "../ports/object-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Search, Step } from "../query/candidates.ts";
import { byNewest, type Position } from "../query/position.ts";
import type { KeyEntry } from "../segments/key-section.ts";
import { inGroups } from "../store/in-groups.ts";
import { KeyCursor } from "./key-cursor.ts";
import type { KeyFile } from "./key-file.ts";
import { FILES_AT_ONCE, FOUND_PER_STEP, STEP_BYTES } from "./key-index-limits.ts";
import type { ReadBudget, Stopped, UnrolledCursor } from "./unrolled-names.ts";

/** What a lookup goes through, and which part of it is wanted: stored from `fromMs` to `toMs`, and behind `before`. */
export interface Lookup {
  readonly hash: number;
  readonly unrolled: readonly UnrolledCursor[];
  readonly files: readonly KeyFile[];
  /** Of some files it is not known what they have. */
  readonly isDamaged: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  readonly before: Position | undefined;
  /** Shared by the cursors of what is not rolled. */
  readonly budget: ReadBudget;
}

interface Source {
  readonly next: () => Promise<Position | Stopped | undefined>;
  /** What comes next from it; a stop: nothing as long as there is no budget. */
  head: Position | Stopped;
}

const isStop = (head: Position | Stopped): head is Stopped => "stop" in head;
const positionOf = (head: Position | Stopped): Position => (isStop(head) ? head.stop : head);

/** Finds what has a hash, in files and in what is not rolled, the newest first. Errors: `StoreUnavailable`. */
export class KeySearch implements Search {
  readonly #objects: ObjectStore;
  readonly #lookup: Lookup;
  /** Not looked into yet, those with the newest messages last. */
  readonly #files: KeyFile[];
  #sources: Source[] | undefined;
  #last: Position | undefined;
  #isDamaged: boolean;

  constructor(objects: ObjectStore, lookup: Lookup) {
    this.#objects = objects;
    this.#lookup = lookup;
    this.#isDamaged = lookup.isDamaged;
    this.#files = [...lookup.files].sort((one, other) => one.storedUntilMs - other.storedUntilMs);
  }

  async step(): Promise<Step> {
    const { budget, unrolled } = this.#lookup;
    budget.bytes = STEP_BYTES;
    this.#sources ??= await this.#opened(unrolled.map((cursor) => () => cursor.next()));
    await inGroups(
      this.#sources.filter(({ head }) => isStop(head)),
      FILES_AT_ONCE,
      (source) => this.#advance(source),
    );
    const found: Position[] = [];
    const step = (reached: Position | undefined): Step => {
      const spent = { messages: found.length, bytes: STEP_BYTES - budget.bytes };
      return { found, reached, spent, isDamaged: this.#isDamaged };
    };
    for (;;) {
      const newest = await this.#newest();
      if (!newest) return step(undefined);
      const { head } = newest;
      if (isStop(head)) return step(head.stop);
      if (found.length === FOUND_PER_STEP) return step(found.at(-1));
      await this.#advance(newest);
      // The same message may be in two files, or in one and not rolled yet.
      if (!this.#last || byNewest(this.#last, head) !== 0) found.push(head);
      this.#last = head;
    }
  }

  /** The source whose head comes next. Files that may have a newer one are looked into before. */
  async #newest(): Promise<Source | undefined> {
    for (;;) {
      let newest = this.#sources?.[0];
      for (const source of this.#sources ?? [])
        if (newest && byNewest(positionOf(source.head), positionOf(newest.head)) < 0) newest = source;
      const file = this.#files.at(-1);
      if (!file || (newest && positionOf(newest.head).storedAtMs > file.storedUntilMs)) return newest;
      this.#sources?.push(...(await this.#opened(this.#files.splice(-FILES_AT_ONCE).map((one) => this.#nextOf(one)))));
    }
  }

  #nextOf(file: KeyFile): Source["next"] {
    const { hash, toMs, before } = this.#lookup;
    const last = Number.MAX_SAFE_INTEGER;
    const from: KeyEntry = { hash, ...(before ?? { storedAtMs: toMs, queueId: last, offset: last }) };
    const cursor = new KeyCursor(this.#objects, file, { from, highestHash: hash });
    return async () => {
      try {
        const entry = await cursor.next();
        return entry?.hash === hash ? entry : undefined;
      } catch (error) {
        // What else there is, is found all the same.
        if (!StoreCorrupt.is(error)) throw error;
        this.#isDamaged = true;
        return undefined;
      }
    };
  }

  async #opened(nexts: readonly Source["next"][]): Promise<Source[]> {
    const heads = await inGroups(nexts, FILES_AT_ONCE, async (next) => ({ next, head: await this.#headOf(next) }));
    return heads.flatMap(({ next, head }) => (head ? [{ next, head }] : []));
  }

  async #advance(source: Source): Promise<void> {
    const head = await this.#headOf(source.next);
    if (head) source.head = head;
    else this.#sources?.splice(this.#sources.indexOf(source), 1);
  }

  /** The next one that is wanted. */
  async #headOf(next: Source["next"]): Promise<Position | Stopped | undefined> {
    const { fromMs, toMs, before } = this.#lookup;
    for (;;) {
      const head = await next();
      if (!head || positionOf(head).storedAtMs < fromMs) return undefined;
      if (isStop(head)) return head;
      const { storedAtMs, queueId, offset } = head;
      const position = { storedAtMs, queueId, offset };
      if (storedAtMs <= toMs && (!before || byNewest(before, position) < 0)) return position;
    }
  }
}
