import type { Span } from "./span-cache.ts";

/** Spans of a queue by base ascending, whose store times never fall from one to the next. */
export interface TimedSpans<T extends Span> {
  /** The spans from the first one at or after an offset; `more`: there may be more behind the last. */
  ascending(from: number, limit: number): Promise<{ readonly spans: readonly T[]; readonly more: boolean }>;
  last(): Promise<T | undefined>;
  isLive(span: T): boolean;
  storedFromMs(span: T): number;
  storedUntilMs(span: T): number;
}

export interface TimeSearch {
  /** Epoch ms. */
  readonly fromMs: number;
  /** No span that starts before it is looked for. */
  readonly startAt: number;
  /** Spans read by one query. */
  readonly pageSize: number;
}

/** A span that was searched for, and the last one before it that was seen: nothing lies between the two. */
export interface FoundSpan<T> {
  readonly span: T;
  readonly before: T | undefined;
}

/** Of three guesses one halves what is left, so that no distribution of store times makes a search long. */
const GUESSES_PER_HALVING = 3;

/**
 * The first span that holds a message stored at or after a time. Where store times grow evenly a few queries find it, and never more
 * than 3 · log2(offsets).
 */
export async function firstFrom<T extends Span>(spans: TimedSpans<T>, search: TimeSearch): Promise<FoundSpan<T> | undefined> {
  const { fromMs, startAt, pageSize } = search;
  const fits = (span: T): boolean => spans.isLive(span) && spans.storedUntilMs(span) >= fromMs;
  const page = await spans.ascending(startAt, pageSize);
  const at = page.spans.findIndex(fits);
  const near = page.spans[at];
  const last = page.spans.at(-1);
  if (near) return { span: near, before: page.spans[at - 1] };
  if (!page.more || !last) return undefined;
  const tail = await spans.last();
  return tail && fits(tail) ? between(spans, search, { before: last, span: tail }, fits) : undefined;
}

async function between<T extends Span>(
  spans: TimedSpans<T>,
  { fromMs, pageSize }: TimeSearch,
  ends: { readonly before: T; readonly span: T },
  fits: (span: T) => boolean,
): Promise<FoundSpan<T>> {
  let { before, span: found } = ends;
  // Invariant: `before` does not fit, `found` does, and no span between them starts at `until` or later.
  let until = found.base;
  for (let guesses = 1; endOf(before) < until; guesses++) {
    const share = guesses % GUESSES_PER_HALVING === 0 ? 0.5 : shareOfTime(spans, fromMs, before, found);
    const guess = endOf(before) + Math.min(until - endOf(before) - 1, Math.floor((until - endOf(before)) * share));
    const page = (await spans.ascending(guess, pageSize)).spans;
    const at = page.findIndex(fits);
    const first = page[at];
    if (first && first.base < found.base) found = first;
    before = page[(at < 0 ? page.length : at) - 1] ?? before;
    if (at > 0) break;
    if (at === 0) until = guess;
  }
  return { span: found, before };
}

const endOf = ({ base, count }: Span): number => base + count;

/** How far between the two spans a time lies, 0 … 1; halfway where that cannot be told. */
function shareOfTime<T extends Span>(spans: TimedSpans<T>, timeMs: number, before: T, after: T): number {
  const fromMs = spans.storedUntilMs(before);
  const share = (timeMs - fromMs) / (spans.storedFromMs(after) - fromMs);
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0.5;
}
