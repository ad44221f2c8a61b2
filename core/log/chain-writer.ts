import { toBase64url } from "../bytes/base64url.ts";
import { blockKey, queuePk } from "../keys.ts";
import { SEND_DEADLINE_MS } from "../limits.ts";
import type { Condition, Item, TransactWrite } from "../ports/item-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import { RETRY_MS, retryPauseMs } from "../store/retry-pause.ts";
import { NEWEST_FORMAT } from "../store/store-format.ts";
import { Anchor } from "./anchor.ts";
import { type Block, blockItem, blockOf, expiryOf, isLive, isOpen, nextBase, offsetOfFrame, storedUntilMs } from "./block.ts";
import { BlockPages } from "./block-pages.ts";
import { appending, closing, expiryAsRead } from "./block-update.ts";
import type { AppendDependencies, ChainWrite, ChainWriteResult } from "./chain-write.ts";
import { Contention } from "./contention.ts";
import { EXPIRY_GUARD_SECONDS, RESTART_SECONDS, TAIL_CACHE_MS } from "./log-limits.ts";
import { atDamage, type CallResult, giveUp, type PendingAppend, type Pinned, type Step, withOutcome } from "./pending-append.ts";

/** The last known end of the chain. */
interface Tail {
  readonly block: Block;
  readonly seenAtMs: number;
}

const WRITE_ID_BYTES = 6;

/**
 * Appends to one queue's chain of blocks.
 *
 * The state of a write depends on the tail:
 * - unknown, or cached for longer than `contention.ts` allows: read it, because a read is cheaper than a failed write;
 * - dead (never there, expired, or about to be for somebody): restart the chain at the anchor's cap, in one transaction;
 * - damaged: likewise, because its end is unknown. The damaged block stays;
 * - near its expiry: touch it (longer life, closed), then read again: a frozen writer must not meet a deleted block;
 * - open: one conditional update. The table puts concurrent writers in order;
 * - full: its end never moves again, so create the next block there, unless another writer just did.
 * A lost reply pins the write to its block: it is retried only there, until the block shows its id or is closed without it.
 *
 * Not for concurrent calls: the appender sends one write at a time.
 */
export class ChainWriter {
  readonly #store: AppendDependencies;
  readonly #topicUid: string;
  readonly #queueId: number;
  #tail: Tail | undefined;
  readonly #anchor: Anchor;
  readonly #pages: BlockPages;
  readonly #contention = new Contention();

  constructor(store: AppendDependencies, topicUid: string, queueId: number) {
    this.#store = store;
    this.#topicUid = topicUid;
    this.#queueId = queueId;
    this.#anchor = new Anchor(store.items, topicUid, queueId);
    this.#pages = new BlockPages(store.items);
  }

  /** Gives up after 10 s. Errors: `StoreUnavailable`, with outcome `unknown` if the write may have happened or may still happen. */
  async write(write: ChainWrite): Promise<ChainWriteResult> {
    const lastMs = this.#nowMs() + SEND_DEADLINE_MS;
    const id = toBase64url(this.#store.random.bytes(WRITE_ID_BYTES));
    const pending: PendingAppend = { id, write, pinned: undefined, undecidable: false, lostRaces: 0 };
    // Only a write that certainly did not happen may be given up early.
    const over = (): boolean => this.#nowMs() >= (pending.pinned ? lastMs : Math.min(lastMs, write.giveUpAtMs ?? lastMs));
    for (let failures = 0; ; ) {
      try {
        const step = pending.pinned ? await this.#resolve(pending, pending.pinned) : await this.#advance(pending);
        if (step !== "again") return step;
      } catch (caught) {
        const error = StoreCorrupt.is(caught) ? atDamage(pending, caught) : caught;
        if (!StoreUnavailable.is(error)) throw error;
        this.#tail = undefined;
        if (pending.undecidable || error.reason === "full" || over())
          throw withOutcome(error, pending.pinned ? "unknown" : "not-applied");
        await this.#pause(failures++);
      }
      if (over()) {
        throw new StoreUnavailable(pending.pinned ? "unknown" : "not-applied", "unavailable", "the append did not end in time");
      }
    }
  }

  async #advance(pending: PendingAppend): Promise<Step> {
    const { write } = pending;
    const tail = await this.#freshTail();
    const nowMs = this.#nowMs();
    const expirySeconds = expiryOf(nowMs, write.retentionHours);
    if (tail?.damage !== undefined) {
      // A writer that cached the block before it was damaged may continue behind it for this long.
      await this.#store.clock.sleep(TAIL_CACHE_MS);
      return this.#restart(pending, expirySeconds);
    }
    if (!tail || !isLive(tail, nowMs + RESTART_SECONDS * 1_000)) return this.#restart(pending, expirySeconds);
    if (tail.expiresAtSeconds <= nowMs / 1_000 + EXPIRY_GUARD_SECONDS) return this.#touch(tail);
    const expiresAtSeconds = Math.max(expirySeconds, tail.expiresAtSeconds);
    const cap = await this.#anchor.reaching(nextBase(tail) + write.count);
    return isOpen(tail) ? this.#append(pending, tail, expiresAtSeconds, cap) : this.#create(pending, tail, expiresAtSeconds);
  }

  /** After a lost reply: reads the block of that call to learn the outcome. */
  async #resolve(pending: PendingAppend, pinned: Pinned): Promise<Step> {
    const item = await this.#store.items.get(blockKey(this.#topicUid, this.#queueId, pinned.base));
    const block = item && blockOf(item);
    const nowMs = this.#nowMs();
    if (block?.writeIds.has(pending.id)) return this.#stored(pending, block);
    if (!block) return this.#resolveAbsent(pending, pinned);
    if (block.expiresAtSeconds <= nowMs / 1_000 + EXPIRY_GUARD_SECONDS) throw giveUp(pending);
    this.#see(block);
    if (!isOpen(block)) {
      pending.pinned = undefined;
      return "again";
    }
    const expiresAtSeconds = Math.max(expiryOf(nowMs, pending.write.retentionHours), block.expiresAtSeconds);
    return this.#append(pending, block, expiresAtSeconds, await this.#anchor.reaching(nextBase(block) + pending.write.count));
  }

  /** The block is absent. A call that makes it may be repeated; a restart only while the anchor stands where the restart wants it. */
  async #resolveAbsent(pending: PendingAppend, pinned: Pinned): Promise<Step> {
    if (pinned.by === "append") throw giveUp(pending);
    if (pinned.by === "restart" && (await this.#anchor.read()) !== pinned.base) throw giveUp(pending);
    return pinned.retry();
  }

  async #append(pending: PendingAppend, tail: Block, expiresAtSeconds: number, cap: number): Promise<Step> {
    const { write } = pending;
    const { base } = tail;
    const nowMs = this.#nowMs();
    const key = blockKey(this.#topicUid, this.#queueId, base);
    const { when, changes } = appending(pending, { base, cap, expiresAtSeconds, nowMs });
    return this.#decide(pending, base, "append", async () => {
      if (write.companions) return this.#together(write, base, [{ kind: "update", key, changes, when }]);
      const result = await this.#store.items.update(key, changes, { when, returning: "allNew", purpose: "append" });
      return result.ok ? { done: result.item } : { lost: result.current };
    });
  }

  async #create(pending: PendingAppend, predecessor: Block, expiresAtSeconds: number): Promise<Step> {
    const { write } = pending;
    const base = nextBase(predecessor);
    const storedFromMs = Math.max(write.storedAtMs, storedUntilMs(predecessor));
    const item = this.#newBlock(pending, { base, storedFromMs, expiresAtSeconds });
    return this.#decide(pending, base, "create", async () => {
      const when: readonly Condition[] = [{ op: "absent", name: "pk" }];
      if (write.companions) return this.#together(write, base, [{ kind: "put", item, when }]);
      const result = await this.#store.items.put(item, { when, purpose: "append" });
      return result.ok ? { done: item } : { lost: result.current };
    });
  }

  /** The anchor is read before the tail. If another writer restarts in between, it raises the anchor, and this transaction fails. */
  async #restart(pending: PendingAppend, expirySeconds: number): Promise<Step> {
    const { write } = pending;
    const cap = await this.#anchor.read();
    const { tail, readable: dead } = await this.#pages.end(this.#pk);
    const nowMs = this.#nowMs();
    const damaged = tail?.damage !== undefined;
    if (tail && !damaged && isLive(tail, nowMs + RESTART_SECONDS * 1_000)) return "again";
    const expiresAtSeconds = Math.max(expirySeconds, dead?.expiresAtSeconds ?? 0);
    const storedFromMs = Math.max(write.storedAtMs, dead ? storedUntilMs(dead) : 0);
    const format3 = (this.#store.format?.version ?? NEWEST_FORMAT) >= 3;
    const chainBeforeEnd = format3 && tail ? nextBase(tail) : undefined;
    const block = this.#newBlock(pending, { base: cap, storedFromMs, expiresAtSeconds, chainBeforeEnd });
    const writes: TransactWrite[] = [
      { kind: "put", item: block, when: [{ op: "absent", name: "pk" }] },
      this.#anchor.raisedFrom(cap),
    ];
    if (dead && !damaged) {
      const key = blockKey(this.#topicUid, this.#queueId, dead.base);
      writes.push({ kind: "delete", key, when: expiryAsRead(dead) });
    }
    return this.#decide(pending, cap, "restart", async () => {
      const result = await this.#together(write, cap, writes);
      this.#anchor.restarted(cap, "done" in result);
      return result;
    });
  }

  /**
   * Extends the tail's life only until the next block surely exists. A writer that saw the full block earlier derives the next block's
   * expiry from what it saw. That expiry must not be earlier than the tail's, or offsets would be used twice.
   */
  async #touch(tail: Block): Promise<"again"> {
    const { changes, when } = closing(tail, tail.expiresAtSeconds + 2 * EXPIRY_GUARD_SECONDS);
    this.#tail = undefined;
    await this.#store.items.update(blockKey(this.#topicUid, this.#queueId, tail.base), changes, { when });
    return "again";
  }

  /** Makes one call that writes the block at `base`. Its reply, or the lack of one, decides the state of the write. */
  async #decide(pending: PendingAppend, base: number, by: Pinned["by"], call: () => Promise<CallResult>): Promise<Step> {
    try {
      const result = await call();
      if ("done" in result) {
        if (result.done) return this.#stored(pending, blockOf(result.done));
        // A transaction does not return what it wrote, so the block is read as after a lost reply.
        pending.pinned = { base, by, retry: () => this.#decide(pending, base, by, call) };
        return "again";
      }
      const block = result.lost && blockOf(result.lost);
      if (block?.writeIds.has(pending.id)) return this.#stored(pending, block);
      if (result.companions) return { status: "refused", currents: result.companions };
      pending.lostRaces++;
      this.#contention.lost(this.#nowMs());
      // A writer that loses twice is behind. It reads the tail, because each step along the chain would be another refused write.
      if (block && pending.lostRaces < 2) this.#see(block);
      else this.#tail = undefined;
      return "again";
    } catch (error) {
      if (StoreUnavailable.is(error) && error.outcome === "unknown" && !pending.pinned) {
        pending.pinned = { base, by, retry: () => this.#decide(pending, base, by, call) };
      }
      throw error;
    }
  }

  async #together(write: ChainWrite, base: number, own: readonly TransactWrite[]): Promise<CallResult> {
    const writes = [...own, ...(write.companions?.({ base }) ?? [])];
    const result = await this.#store.items.transact(writes, { purpose: "append" });
    if (result.ok) {
      const [first] = own;
      return { done: first?.kind === "put" ? first.item : undefined };
    }
    const companions = result.failures.slice(own.length);
    return { lost: result.failures[0]?.current, companions: companions.some((failure) => failure) ? companions : undefined };
  }

  #stored({ id, write, lostRaces }: PendingAppend, block: Block): ChainWriteResult {
    const offset = offsetOfFrame(block, write.firstFrameId);
    if (offset === undefined) throw new Error(`block ${block.base} holds write ${id} but not its frames`);
    this.#see(block);
    return { status: "stored", offset, block, lostRaces };
  }

  #newBlock(
    { id, write }: PendingAppend,
    place: Pick<Block, "base" | "storedFromMs" | "expiresAtSeconds" | "chainBeforeEnd">,
  ): Item {
    return blockItem(
      blockKey(this.#topicUid, this.#queueId, place.base),
      {
        storedFromMs: place.storedFromMs,
        expiresAtSeconds: place.expiresAtSeconds,
        chainBeforeEnd: place.chainBeforeEnd,
        count: write.count,
        bytes: write.bytes,
        closingBytes: this.#contention.closingBytes(this.#nowMs()),
        frames: write.frames,
        writeIds: new Set([id]),
      },
      write.storedAtMs,
    );
  }

  #see(block: Block): void {
    this.#tail = { block, seenAtMs: this.#nowMs() };
  }

  async #freshTail(): Promise<Block | undefined> {
    const age = this.#tail ? this.#nowMs() - this.#tail.seenAtMs : Number.POSITIVE_INFINITY;
    // A negative age means that the clock stepped back: the copy may have any age.
    if (this.#tail && age >= 0 && age <= this.#contention.tailCacheMs(this.#nowMs())) return this.#tail.block;
    const [{ tail }] = await Promise.all([this.#pages.end(this.#pk), this.#anchor.known()]);
    if (tail && tail.damage === undefined) this.#see(tail);
    return tail;
  }

  get #pk(): string {
    return queuePk(this.#topicUid, this.#queueId);
  }

  #nowMs(): number {
    return this.#store.clock.nowMs();
  }

  #pause(failures: number): Promise<void> {
    return this.#store.clock.sleep(retryPauseMs(RETRY_MS, failures, this.#store.random.fraction()));
  }
}
