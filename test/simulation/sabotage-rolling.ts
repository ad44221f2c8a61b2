import { indexPk, TOPICS_PK } from "../../core/keys.ts";
import { blockOf, nextBase } from "../../core/log/block.ts";
import { readFrameHead } from "../../core/log/frame.ts";
import { EXPIRY_GUARD_SECONDS } from "../../core/log/log-limits.ts";
import type { Condition, Item, Query, QueryPage, TransactWrite } from "../../core/ports/item-store.ts";
import { BLOCKS_PER_PAGE, DROP_GRACE_STEP_MS, ROLL_PAUSE_MS } from "../../core/roller/roll-limits.ts";
import { indexEntryOf } from "../../core/segments/index-item.ts";
import { RunWriter } from "../../core/segments/run-writer.ts";
import { SegmentReader } from "../../core/segments/segment-reader.ts";
import { isBlock, type Plant, type Sabotage, tamper } from "./sabotage.ts";
import { type Patch, patched } from "./sabotage-process.ts";

/** Bugs in how queues are rolled to segments, dropped, and read from there: each leaves one rule out. */

const HOUR_SECONDS = 3_600;
const isIndexItem = ({ pk }: Pick<Item, "pk">): boolean => pk.startsWith("s#");
const isRoll = (writes: readonly TransactWrite[]): boolean =>
  writes.some((write) => write.kind === "put" && isIndexItem(write.item));

/** What a roll writes, changed. */
const rolling = (change: (write: TransactWrite) => TransactWrite): Sabotage => {
  return (items) => tamper(items, { transact: (writes) => (isRoll(writes) ? writes.map(change) : writes) });
};
const without = (write: TransactWrite, leftOut: (condition: Condition) => boolean): TransactWrite =>
  write.kind === "check" ? write : { ...write, when: (write.when ?? []).filter((condition) => !leftOut(condition)) };

/** A roller commits whatever another one has committed meanwhile. */
export const rollsBlindly = rolling((write) => without(write, ({ name }) => name === "rn" || name === "pk"));

/** The anchor of a deleted topic comes back with a late commit. */
export const revivesAnchors = rolling((write) => without(write, ({ name }) => name === "cap"));

/** The watermark is where the last index item ends, and a commit wants nothing but its key. */
export const keepsNoWatermark: Sabotage = (items) => ({
  ...tamper(items, {
    transact: (writes) => (isRoll(writes) ? writes.map((write) => without(write, ({ name }) => name === "rn")) : writes),
  }),
  get: async (key, options) => {
    const item = await items.get(key, options);
    if (!item?.pk.startsWith("a#")) return item;
    const [, topicUid = "", queueId] = item.pk.split("#");
    const [last] = (await items.query({ pk: indexPk(topicUid, Number(queueId)), reverse: true, limit: 1 })).items;
    const { rn: _, ...anchor } = item;
    return last
      ? { ...anchor, pk: item.pk, sk: item.sk, rn: nextBase(indexEntryOf(last)) }
      : { ...anchor, pk: item.pk, sk: item.sk };
  },
});

/** A segment is stored after its index item. */
export const namesBeforeStoring = (): Plant => {
  const pending: (() => Promise<void>)[] = [];
  return {
    objects: (objects) => ({
      put: async (key, bytes) => {
        if (!key.endsWith(".seg")) return objects.put(key, bytes);
        const kept = new Uint8Array(bytes);
        pending.push(() => objects.put(key, kept));
      },
      getRange: (key, offset, length) => objects.getRange(key, offset, length),
    }),
    items: (items) => ({
      ...tamper(items, {}),
      transact: async (writes) => {
        const result = await items.transact(writes);
        if (isRoll(writes)) await Promise.all(pending.splice(0).map((store) => store()));
        return result;
      },
    }),
  };
};

const isOfRoller = ({ pk, limit }: Query): boolean => pk.startsWith("q#") && limit === BLOCKS_PER_PAGE;

/** A roller believes in a gap that a stale page has. */
export const believesGaps: Sabotage = (items) => {
  const pages = new Map<string, QueryPage>();
  return {
    ...tamper(items, {}),
    query: async (query) => {
      if (!isOfRoller(query)) return items.query(query);
      const name = `${query.pk} ${query.from}`;
      const known = pages.get(name);
      if (query.consistent !== false && known) return known;
      const page = await items.query(query);
      if (query.consistent === false) pages.set(name, page);
      return page;
    },
  };
};

/** Open blocks look full to a roller. */
export const rollsOpenBlocks: Sabotage = (items) => ({
  ...tamper(items, {}),
  query: async (query) => {
    const page = await items.query(query);
    if (!isOfRoller(query) || query.consistent !== false) return page;
    return { ...page, items: page.items.map((item) => (isBlock(item) ? { ...item, lim: 0 } : item)) };
  },
});

/** Whoever drops blocks sees one block too many, so that it drops the last one too. */
export const dropsRolledTails: Sabotage = (items) => ({
  ...tamper(items, {}),
  query: async (query) => {
    const page = await items.query(query);
    const last = page.items.at(-1);
    if (!isOfRoller(query) || query.consistent === false || page.more || !last) return page;
    const behind = String(nextBase(blockOf(last))).padStart(last.sk.length, "0");
    return { ...page, items: [...page.items, { ...last, pk: last.pk, sk: behind }] };
  },
});

/** Blocks are dropped as soon as they are rolled, and that is often. */
export const dropsAtOnce: Plant = {
  sleepMs: (ms) => (ms === DROP_GRACE_STEP_MS ? 0 : ms === ROLL_PAUSE_MS ? OFTEN_MS : ms),
};
const OFTEN_MS = 500;

/** A segment and its index item live by the retention that a roller knew at first. */
export const livesByOldRetention: Sabotage = (items) => {
  const known = new Map<string, number>();
  const knowing = (item: Item | undefined): void => {
    if (item?.pk === TOPICS_PK && !known.has(item.u as string)) known.set(item.u as string, item.rh as number);
  };
  const kept = (item: Item): Item => {
    const hours = known.get(item.pk.split("#")[1] ?? "");
    const expiry = Math.ceil((item.t1 as number) / 1_000) + (hours ?? 0) * HOUR_SECONDS + EXPIRY_GUARD_SECONDS;
    return hours === undefined ? item : { ...item, x: Math.min(item.x as number, expiry) };
  };
  return {
    ...rolling((write) => (write.kind === "put" ? { ...write, item: kept(write.item) } : write))(items, undefined as never),
    get: async (key, options) => {
      const item = await items.get(key, options);
      knowing(item);
      return item;
    },
  };
};

/** An index item lives as long as its first message. */
export const livesByFirstMessage = rolling((write) => {
  if (write.kind !== "put") return write;
  const { t0, t1, x } = write.item as unknown as Record<"t0" | "t1" | "x", number>;
  return { ...write, item: { ...write.item, x: x - EXPIRY_GUARD_SECONDS - Math.ceil((t1 - t0) / 1_000) } };
});

/** The large batches of what was rolled are deleted, although other blocks, topics and timers may have parts of them. */
export const deletesRolledObjects = (): Plant => {
  const gone = new Set<string>();
  const named = new Map<string, readonly string[]>();
  return {
    objects: (objects) => ({
      put: (key, bytes) => {
        if (key.endsWith(".seg")) named.set(key, Buffer.from(bytes).toString("latin1").match(OBJECT_KEYS) ?? []);
        return objects.put(key, bytes);
      },
      getRange: async (key, offset, length) => (gone.has(key) ? undefined : objects.getRange(key, offset, length)),
    }),
    items: (items) => ({
      ...tamper(items, {}),
      transact: async (writes) => {
        const result = await items.transact(writes);
        for (const write of result.ok ? writes : [])
          if (write.kind === "put" && isIndexItem(write.item))
            for (const key of named.get(write.item.o as string) ?? []) gone.add(key);
        return result;
      },
    }),
  };
};
const OBJECT_KEYS = /log\/r\d+\/\d+\/\d{15}-[A-Za-z0-9_-]{12}/g;

/** A segment keeps the times of its frames, not those that the chain gave them. */
export const keepsTimesOfFrames: Patch = (work) =>
  patched(
    RunWriter.prototype,
    "append",
    (append) =>
      function (this: RunWriter, block) {
        const [first] = block.frames;
        append.call(this, { ...block, storedFromMs: first ? readFrameHead(first).storedAtMs : block.storedFromMs });
      },
    work,
  );

/** A reader that misses a block takes its messages for expired. */
export const believesInGaps: Patch = (work) =>
  patched(
    SegmentReader.prototype,
    "firstWithin",
    () => async () => undefined,
    () =>
      patched(
        SegmentReader.prototype,
        "firstStored",
        () => async () => undefined,
        () => patched(SegmentReader.prototype, "knownEnd", () => () => 0, work),
      ),
  );

/** A known send is looked up in the chain only. */
export const forgetsRolledSends: Patch = (work) => patched(SegmentReader.prototype, "find", () => async () => undefined, work);
