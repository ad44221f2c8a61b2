import type { NameKind } from "../message/key-hash.ts";
import type { StoredMessage, Topic } from "../terms.ts";
import type { Position } from "./position.ts";

/** The part of a topic that is searched. */
export interface Window {
  /** Messages stored at this time or later. Default: all that have not expired. */
  readonly fromMs?: number | undefined;
  /** Messages stored before this time. */
  readonly toMs?: number | undefined;
  /** Only what comes behind it, newest first. */
  readonly before?: Position | undefined;
}

/** What a step of a search read. */
export interface Spent {
  readonly messages: number;
  readonly bytes: number;
}

export interface Step {
  /** Newest first, and all behind those of the steps before. Each may be what is searched for: its reader compares. */
  readonly found: readonly Position[];
  /** Nothing newer than this is left to be found, and another search may go on behind it. `undefined`: the search is over. */
  readonly reached: Position | undefined;
  readonly spent: Spent;
  /** Part of what would have to be looked at cannot be read, so something may be missing. */
  readonly isDamaged?: boolean;
}

/** A search that goes on step by step, each of bounded work, for as long as its caller wants. Every step comes further. */
export interface Search {
  /** Errors: `StoreUnavailable`. */
  step(): Promise<Step>;
}

/** What a message is looked up by. */
export interface MessageName {
  readonly kind: NameKind;
  readonly text: string;
}

export const hasName = ({ messageId, keys }: StoredMessage, { kind, text }: MessageName): boolean =>
  kind === "id" ? messageId === text : keys.includes(text);

/** Finds the messages of a topic that have a name, or may have it: it misses none that was acknowledged before the search. */
export interface KeySource {
  search(topic: Topic, name: MessageName, window: Window): Search;
}
