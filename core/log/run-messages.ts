import type { MessageFilter } from "../filter/compile-filter.ts";
import type { RecordView } from "../message/record-view.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { StoredMessage } from "../terms.ts";
import type { Block } from "./block.ts";
import { readMessages, type Unreadable, viewRecords } from "./frame.ts";
import type { FrameReader } from "./frame-reader.ts";
import { type LoadedSlice, loadStretch } from "./load-stretch.ts";
import type { Slice, Stretch } from "./slices.ts";

/** Wanted messages that are in neither list have expired with their object. */
export interface ReadMessages {
  readonly messages: readonly StoredMessage[];
  /** By offset, ascending. */
  readonly unreadable: readonly Unreadable[];
}

/** Which messages of a stretch are wanted, and how unreadable ones are treated. */
export interface Reading {
  /** Default: all. */
  readonly wanted?: ReadonlySet<number> | undefined;
  /** Reads a block once more before its messages count as unreadable. Default: no second read. */
  readonly again?: ((block: Block) => Promise<Block | undefined>) | undefined;
  /** Collects the unreadable messages. */
  readonly unreadable?: Unreadable[] | undefined;
}

/** Reads the messages of a stretch, or those of them that are wanted. Errors: `StoreUnavailable`. */
export async function messagesOf(
  stretch: Stretch,
  queueId: number,
  frames: FrameReader,
  { wanted, again = async () => undefined, unreadable = [] }: Reading = {},
): Promise<readonly StoredMessage[]> {
  const messages: StoredMessage[] = [];
  for (const { slice, content } of await loadStretch(stretch, frames, again, wanted)) {
    const { offset, skip, count, storedAtMs } = slice;
    if (content === "gone") continue;
    if (StoreCorrupt.is(content)) {
      unreadable.push(...unreadableOf(slice, content, wanted));
      continue;
    }
    const read = readMessages(content, skip, count, { queueId, offset, storedAtMs }, wanted);
    messages.push(...read.messages);
    unreadable.push(...read.unreadable);
  }
  return messages;
}

export interface Viewed {
  /** The message for which `see` answered false. */
  readonly stoppedAt: number | undefined;
  /** Messages before it whose object has expired. */
  readonly gone: number;
  /** Messages before it that cannot be read. */
  readonly unreadable: readonly Unreadable[];
}

/** Shows the messages, still encoded, one after the other, until `see` answers false. */
export function viewMessages(loaded: readonly LoadedSlice[], see: (view: RecordView, offset: number) => boolean): Viewed {
  const unreadable: Unreadable[] = [];
  let gone = 0;
  for (const { slice, content } of loaded) {
    const { offset, skip, count } = slice;
    if (content === "gone") gone += count;
    else if (StoreCorrupt.is(content)) unreadable.push(...unreadableOf(slice, content));
    else {
      const stopped = viewRecords(
        content,
        skip,
        count,
        (view, record) => see(view, offset + record),
        (record, reason) => unreadable.push({ offset: offset + record, reason }),
      );
      if (stopped !== undefined) return { stoppedAt: offset + stopped, gone, unreadable };
    }
  }
  return { stoppedAt: undefined, gone, unreadable };
}

export interface Matches extends ReadMessages {
  /** Offsets whose object has expired. */
  readonly gone: readonly number[];
}

/** The messages that match a filter; the others are not decoded. Any unreadable message might match. */
export function matchingOf(loaded: readonly LoadedSlice[], queueId: number, filter: MessageFilter): Matches {
  const messages: StoredMessage[] = [];
  const unreadable: Unreadable[] = [];
  const gone: number[] = [];
  for (const { slice, content } of loaded) {
    const { offset, skip, count, storedAtMs } = slice;
    if (content === "gone") {
      for (let record = 0; record < count; record++) gone.push(offset + record);
      continue;
    }
    if (StoreCorrupt.is(content)) {
      unreadable.push(...unreadableOf(slice, content));
      continue;
    }
    const matching = new Set<number>();
    viewRecords(
      content,
      skip,
      count,
      (view, record) => {
        if (filter.matches(view)) matching.add(offset + record);
        return true;
      },
      (record, reason) => unreadable.push({ offset: offset + record, reason }),
    );
    if (matching.size === 0) continue;
    const read = readMessages(content, skip, count, { queueId, offset, storedAtMs }, matching);
    messages.push(...read.messages);
    unreadable.push(...read.unreadable);
  }
  return { messages, gone, unreadable };
}

function unreadableOf({ offset, count }: Slice, { message }: StoreCorrupt, wanted?: ReadonlySet<number>): readonly Unreadable[] {
  const offsets = Array.from({ length: count }, (_, index) => offset + index);
  return (wanted ? offsets.filter((one) => wanted.has(one)) : offsets).map((one) => ({ offset: one, reason: message }));
}
