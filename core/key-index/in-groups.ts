import { FILES_AT_ONCE } from "./key-index-limits.ts";

/** Does it with all, some at once. Answers in their order. */
export async function inGroups<T, R>(all: readonly T[], one: (value: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += FILES_AT_ONCE)
    results.push(...(await Promise.all(all.slice(from, from + FILES_AT_ONCE).map(one))));
  return results;
}
