interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** The pages of a list, each asked for when it is wanted. */
export async function* pagesOf<P extends { readonly nextCursor: string | null }>(
  page: (cursor: string | undefined) => Promise<P>,
): AsyncGenerator<P, void, undefined> {
  let cursor: string | undefined;
  do {
    const next = await page(cursor);
    yield next;
    cursor = next.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** The items of all pages of a list. */
export async function allPages<T>(page: (cursor: string | undefined) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const { items: more } of pagesOf(page)) items.push(...more);
  return items;
}

export interface FirstItems<T> {
  readonly items: readonly T[];
  /** Whether the list may go on behind them. */
  readonly isCut: boolean;
}

const PAGE_MAX = 1_000;

/** The first items of a list, from as many pages as they take. A page may have fewer than it was asked for, or none. */
export async function firstItems<T>(
  most: number,
  page: (query: { readonly limit: number; readonly cursor?: string }) => Promise<Page<T>>,
): Promise<FirstItems<T>> {
  const items: T[] = [];
  const pages = pagesOf((cursor) =>
    page({ limit: Math.min(most - items.length, PAGE_MAX), ...(cursor !== undefined && { cursor }) }),
  );
  for await (const { items: more, nextCursor } of pages) {
    items.push(...more);
    if (items.length >= most) return { items, isCut: nextCursor !== null };
  }
  return { items, isCut: false };
}
