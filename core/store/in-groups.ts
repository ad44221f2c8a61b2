/** Does it for all, `atOnce` of them together. Answers in their order. */
export async function inGroups<T, R>(all: readonly T[], atOnce: number, one: (value: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += atOnce)
    results.push(...(await Promise.all(all.slice(from, from + atOnce).map(one))));
  return results;
}
