import { compileFilter } from "../filter/compile-filter.ts";
import { filteredMessage } from "../filter/filtered-message.ts";
import type { StoredMessage } from "../terms.ts";
import { deadLetterId, offsetOfDeadLetter } from "./dead-letter.ts";
import type { RedriveSelection } from "./redrive-job.ts";

/** A selection, ready to use. */
export interface Selected {
  includes(message: StoredMessage): boolean;
  /** Whether an unreadable message at this offset may be selected. */
  mayInclude(offset: number): boolean;
  /** The first offset from `offset` on that may be selected; `undefined` if there is none. */
  from(offset: number): number | undefined;
}

/** Filters also see the properties that dead-lettering added. Errors: ILLEGAL_FILTER_EXPRESSION. */
export function selected({ ids, filter }: RedriveSelection): Selected {
  if (!ids) {
    const compiled = filter && compileFilter(filter);
    return {
      includes: (message) => compiled?.matches(filteredMessage(message)) ?? true,
      mayInclude: () => true,
      from: (offset) => offset,
    };
  }
  const wanted = new Set(ids);
  const offsets = ids.map((id) => offsetOfDeadLetter(id) ?? 0).sort((a, b) => a - b);
  return {
    includes: (message) => wanted.has(deadLetterId(message)),
    mayInclude: (offset) => offsets.includes(offset),
    from: (offset) => offsets.find((candidate) => candidate >= offset),
  };
}
