import { LRUCache } from "lru-cache";

/** Offsets of a queue that follow one another. */
export interface Span {
  readonly base: number;
  readonly count: number;
}

/** What was last read or written of queues, up to so many bytes, found by any offset that it holds. */
export class SpanCache<T extends Span> {
  /** The kept spans of each queue, by base ascending. */
  readonly #queues = new Map<string, T[]>();
  readonly #recent: LRUCache<T, string>;

  constructor(bytesMax: number, bytesOf: (span: T) => number) {
    this.#recent = new LRUCache<T, string>({
      maxSize: bytesMax,
      sizeCalculation: (_pk, span) => bytesOf(span),
      dispose: (pk, span) => this.#drop(pk, span),
    });
  }

  keep(pk: string, span: T): void {
    const spans = this.#queues.get(pk) ?? [];
    const at = countUpTo(spans, span.base);
    const known = spans[at - 1];
    if (known?.base === span.base) return;
    spans.splice(at, 0, span);
    this.#queues.set(pk, spans);
    this.#recent.set(span, pk);
  }

  /** The span that holds the offset. */
  at(pk: string, offset: number): T | undefined {
    const spans = this.#queues.get(pk) ?? [];
    const span = spans[countUpTo(spans, offset) - 1];
    if (!span || span.base + span.count <= offset) return undefined;
    this.#recent.get(span);
    return span;
  }

  /** Drops the span that starts at `base`. */
  forget(pk: string, base: number): void {
    const spans = this.#queues.get(pk) ?? [];
    const span = spans[countUpTo(spans, base) - 1];
    if (span?.base === base) this.#recent.delete(span);
  }

  #drop(pk: string, span: T): void {
    const spans = this.#queues.get(pk) ?? [];
    spans.splice(countUpTo(spans, span.base) - 1, 1);
    if (spans.length === 0) this.#queues.delete(pk);
  }
}

/** How many spans of a queue start at or before the offset. */
function countUpTo(spans: readonly Span[], offset: number): number {
  let low = 0;
  for (let high = spans.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((spans[middle] as Span).base <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
