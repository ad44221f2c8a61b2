import { LRUCache } from "lru-cache";
import { COMPILED_FILTERS_MAX } from "../limits.ts";
import type { Subscription } from "../terms.ts";
import { compileFilter, type MessageFilter } from "./compile-filter.ts";

/** Subscriptions' filters, ready to use; compiled once per version. */
export class CompiledFilters {
  readonly #known = new LRUCache<string, MessageFilter>({ max: COMPILED_FILTERS_MAX });

  of({ uid, version, filter }: Subscription): MessageFilter {
    const key = `${uid}@${version}`;
    const known = this.#known.get(key);
    if (known) return known;
    const compiled = compileFilter(filter);
    this.#known.set(key, compiled);
    return compiled;
  }
}
