import { toBase64url } from "../bytes/base64url.ts";
import { keyMergeKey } from "../keys.ts";
import { objectExpiryOf } from "../log/retention.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Reading } from "../ports/reading.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { RollSettings } from "../roller/roll-limits.ts";
import { compareKeys, type KeyEntry, KeyWriter } from "../segments/key-section.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { KeyCursor } from "./key-cursor.ts";
import { type KeyFile, keyFileItem, SET_ASIDE } from "./key-file.ts";
import {
  ENTRIES_PER_PAUSE,
  LEVELS_MAX,
  MERGE_CHUNKS,
  MERGE_SETTINGS,
  type MergeSettings,
  PARTS_MAX,
} from "./key-index-limits.ts";
import { asFarAs, inputKey, type KeyMerge, keyMergeItem, keyMergeOf } from "./key-merge.ts";
import { type ListedFile, listedFileOf, listKeyFiles } from "./list-key-files.ts";
import { putKeyPart } from "./put-key-parts.ts";

const HOUR_MS = 3_600_000;
const FIRST: KeyEntry = { hash: 0, storedAtMs: Number.MAX_SAFE_INTEGER, queueId: 0, offset: 0 };
const HIGHEST = Number.POSITIVE_INFINITY;

export interface MergeDependencies extends StoreDependencies {
  readonly objects: ObjectStore;
  readonly reading: Pick<Reading, "pause">;
  readonly settings: { readonly rollSettings?: Pick<RollSettings, "merges"> | undefined };
}

/**
 * Merges files of keys until no level has sixteen, or `isOver`. Answers whether that was all.
 *
 * One step writes one object, and remembers it with the last entry in it: the next step goes on behind that entry. The last step puts the
 * merged file in the place of its sixteen. Each of these writes wants the merge to be as it was read. So where several merge at once, or
 * one dies anywhere, at worst an object is named by nobody, and goes with its class, or keys are in two files, which costs a read.
 *
 * A file that cannot be read is set aside until it expires, and its merge begins anew without it: a merged file is as new as the files
 * that it replaces, and must have no entry of another. Lookups still read the file, and say that they are not complete.
 *
 * Errors: `StoreUnavailable`; `StoreCorrupt` at the end, of what could not be read.
 */
export async function mergeKeyFiles(store: MergeDependencies, isOver: () => boolean): Promise<boolean> {
  const left = new Set<string>();
  let corrupt: StoreCorrupt | undefined;
  for (;;) {
    const { files, damage } = await listKeyFiles(store.items, store.clock.nowMs());
    corrupt ??= damage;
    const mergeable = files.filter(({ isSetAside }) => !isSetAside);
    const due = dueOf(mergeable, left, settingsOf(store).files);
    if (!due && corrupt) throw corrupt;
    if (!due) return true;
    try {
      for (let ended = false; !ended; ended = await step(store, due)) if (isOver()) return false;
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
      corrupt = error;
      left.add(namesOf(due));
    }
  }
}

const settingsOf = ({ settings }: MergeDependencies): MergeSettings => settings.rollSettings?.merges ?? MERGE_SETTINGS;

type DueFiles = readonly [ListedFile, ...ListedFile[]];

const namesOf = (due: DueFiles): string => due.map(({ sk }) => sk).join("\n");

const levelOf = ({ level, classDays }: KeyFile): string => `${level}-${classDays}`;

/** The files of the lowest level and class that has enough of them, the oldest first. Not those that were `left` in this run. */
function dueOf(files: readonly ListedFile[], left: ReadonlySet<string>, count: number): DueFiles | undefined {
  for (const one of files) {
    if (one.level >= LEVELS_MAX) continue;
    const [first = one, ...others] = files.filter((file) => levelOf(file) === levelOf(one)).slice(0, count);
    const parts = others.reduce((sum, file) => sum + file.parts.length, first.parts.length);
    const due: DueFiles = [first, ...others];
    if (due.length === count && parts <= PARTS_MAX && !left.has(namesOf(due))) return due;
  }
  return undefined;
}

/** One object of a merge. Answers whether it was the last, or somebody else goes on with the merge. */
async function step(store: MergeDependencies, due: DueFiles): Promise<boolean> {
  const merge = await begun(store, due);
  const inputs = await inputsOf(store, merge);
  if (inputs.some(({ isSetAside }) => isSetAside)) {
    await giveUp(store, merge);
    return true;
  }
  const { entries, last } = await merged(store, inputs, merge.last);
  const part = entries.count > 0 ? await putKeyPart(store, entries, lifeOf(store, merge)) : undefined;
  const parts = part ? [...merge.parts, part] : merge.parts;
  if (last) return !(await wentOn(store, merge, { ...merge, parts, last }));
  await end(store, { ...merge, parts }, merge, inputs);
  return true;
}

/** Those that are not there any more have expired since the merge began. A merge of items that cannot be read is given up. */
async function inputsOf(store: MergeDependencies, merge: KeyMerge): Promise<readonly ListedFile[]> {
  try {
    const found = await store.items.batchGet(merge.inputs.map(inputKey));
    const files = found.flatMap((item) => (item ? [listedFileOf(item)] : []));
    return files.filter(({ expiresAtSeconds }) => expiresAtSeconds * 1_000 > store.clock.nowMs());
  } catch (error) {
    if (StoreCorrupt.is(error)) await giveUp(store, merge);
    throw error;
  }
}

/** Unless somebody went on with it. Its objects are named by nobody then. */
async function giveUp({ items }: MergeDependencies, merge: KeyMerge): Promise<void> {
  await items.delete(keyMergeKey(merge.level, merge.classDays), { when: asFarAs(merge) });
}

/** The merge that was begun of this level and class, or is now. One that cannot be read is forgotten. */
async function begun({ items, random }: MergeDependencies, due: DueFiles): Promise<KeyMerge> {
  const [{ level, classDays }] = due;
  const key = keyMergeKey(level, classDays);
  try {
    const stored = await items.get(key);
    if (stored) return keyMergeOf(stored);
  } catch (error) {
    if (StoreCorrupt.is(error)) await items.delete(key);
    throw error;
  }
  const merge: KeyMerge = {
    level,
    classDays,
    inputs: due.map(({ sk }) => sk),
    name: toBase64url(random.bytes(9)),
    parts: [],
    last: undefined,
    expiresAtSeconds: Math.max(...due.map(({ expiresAtSeconds }) => expiresAtSeconds)),
  };
  const made = await items.put(keyMergeItem(merge), { when: [{ op: "absent", name: "pk" }] });
  return made.ok || !made.current ? merge : keyMergeOf(made.current);
}

interface Head {
  readonly file: ListedFile;
  readonly cursor: KeyCursor;
  entry: KeyEntry;
}

/** Entries of all files behind `after`, each once, as many as an object takes. `last`: the last of them, if there are more. */
async function merged(
  store: MergeDependencies,
  files: readonly ListedFile[],
  after: KeyEntry | undefined,
): Promise<{ readonly entries: KeyWriter; readonly last: KeyEntry | undefined }> {
  const { objects, reading } = store;
  const partEntries = settingsOf(store).entries;
  const heads: Head[] = [];
  for (const file of files) {
    const cursor = new KeyCursor(objects, file, { from: after ?? FIRST, highestHash: HIGHEST, chunksPerRead: MERGE_CHUNKS });
    const entry = await orSetAside(store, file, cursor.next());
    if (entry) heads.push({ file, cursor, entry });
  }
  const entries = new KeyWriter(partEntries);
  for (let last = after, passed = 1; ; passed++) {
    const head = lowestOf(heads);
    if (!head) return { entries, last: undefined };
    const isNew = last === undefined || compareKeys(last, head.entry) < 0;
    if (isNew && entries.count === partEntries) return { entries, last };
    if (isNew) entries.append(head.entry);
    if (isNew) last = head.entry;
    const next = head.cursor.next();
    const following: KeyEntry | undefined = next instanceof Promise ? await orSetAside(store, head.file, next) : next;
    if (following !== undefined) head.entry = following;
    else heads.splice(heads.indexOf(head), 1);
    if (passed % ENTRIES_PER_PAUSE === 0) await reading.pause();
  }
}

async function orSetAside<T>({ items }: MergeDependencies, { sk }: ListedFile, read: T | Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (StoreCorrupt.is(error)) await items.update(inputKey(sk), SET_ASIDE.changes, SET_ASIDE.options);
    throw error;
  }
}

function lowestOf(heads: readonly Head[]): Head | undefined {
  let lowest = heads[0];
  for (const head of heads) if (lowest && compareKeys(head.entry, lowest.entry) < 0) lowest = head;
  return lowest;
}

function lifeOf({ clock }: MergeDependencies, { classDays, expiresAtSeconds }: KeyMerge) {
  const nowMs = clock.nowMs();
  return { classDays, expiresMs: objectExpiryOf(nowMs, Math.max(0, expiresAtSeconds * 1_000 - nowMs) / HOUR_MS) };
}

async function wentOn({ items }: MergeDependencies, seen: KeyMerge, next: KeyMerge): Promise<boolean> {
  const { ok } = await items.put(keyMergeItem(next), { when: asFarAs(seen) });
  return ok;
}

/** Puts the merged file in the place of those that it was made of. */
async function end(store: MergeDependencies, merge: KeyMerge, seen: KeyMerge, inputs: readonly KeyFile[]): Promise<void> {
  const { level, classDays, name, parts, expiresAtSeconds } = merge;
  const file = {
    level: level + 1,
    classDays,
    name,
    parts,
    storedFromMs: Math.min(...inputs.map(({ storedFromMs }) => storedFromMs)),
    storedUntilMs: Math.max(...inputs.map(({ storedUntilMs }) => storedUntilMs)),
    expiresAtSeconds,
  };
  await store.items.transact([
    { kind: "delete", key: keyMergeKey(level, classDays), when: asFarAs(seen) },
    ...merge.inputs.map((sk) => ({ kind: "delete", key: inputKey(sk) }) as const),
    ...(parts.length > 0 && inputs.length > 0 ? [{ kind: "put", item: keyFileItem(file) } as const] : []),
  ]);
}
