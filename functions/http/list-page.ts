import { LIST_LIMIT_DEFAULT } from "../../core/limits.ts";
import type { ListPage, ListRequest } from "../../core/requests.ts";
import { LIST_BYTES_MAX, quotedBytes } from "./bounds/answer-limits.ts";
import type { Cursors } from "./cursor.ts";
import { jsonReply, type Reply } from "./reply.ts";

export interface ListQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly prefix?: string | undefined;
}

/** The content of a page: its items, and other members. */
interface Shown {
  readonly items: readonly unknown[];
  readonly [other: string]: unknown;
}

export interface PageOf<P> {
  list(request: ListRequest): Promise<P>;
  show(page: P): Shown;
  /** Bytes of the page quoted as a string in JSON. Default: LIST_BYTES_MAX. */
  readonly bytesMax?: number;
}

/**
 * Answers one page of a list. `scope` names the list and its filters; a cursor of another scope is refused. A page of more than
 * `bytesMax` is read again with as many items as fit, at least one, and `complete` is then false.
 */
export async function pageReply<P extends ListPage<unknown>>(
  cursors: Cursors,
  scope: string,
  { cursor, limit = LIST_LIMIT_DEFAULT, prefix }: ListQuery,
  { list, show, bytesMax = LIST_BYTES_MAX }: PageOf<P>,
): Promise<Reply> {
  const after = pageStart(cursors, scope, cursor);
  for (let most = limit; ; ) {
    const page = await list({ limit: most, prefix, after });
    const shown = show(page);
    const complete = page.complete && (most === limit || page.next === undefined);
    const reply = jsonReply(200, { ...shown, ...pageEnd(cursors, scope, { ...page, complete }) });
    if (shown.items.length <= 1 || quotedBytes(String(reply.body), bytesMax) <= bytesMax) return reply;
    most = countWithin(shown, bytesMax);
  }
}

/** The name after which a page starts: the end of the page before, by its `nextCursor`. Errors: BAD_REQUEST. */
export const pageStart = (cursors: Cursors, scope: string, cursor: string | undefined): string | undefined =>
  cursor === undefined ? undefined : cursors.decode(scope, cursor);

/** The last members of every page of a list. */
export const pageEnd = (cursors: Cursors, scope: string, { next, complete }: Omit<ListPage<unknown>, "items">) => ({
  nextCursor: next === undefined ? null : cursors.encode(scope, next),
  complete,
});

/** `pageReply` for items that are shown one by one. */
export const listReply = <T>(
  cursors: Cursors,
  scope: string,
  query: ListQuery,
  list: (request: ListRequest) => Promise<ListPage<T>>,
  render: (item: T) => unknown,
): Promise<Reply> =>
  pageReply(cursors, `${scope}\0${query.prefix ?? ""}`, query, { list, show: ({ items }) => ({ items: items.map(render) }) });

/** How many of the first items fit beside the other members: fewer than all, and at least one. */
function countWithin({ items, ...others }: Shown, bytesMax: number): number {
  let bytes = quotedBytes(JSON.stringify(others));
  const past = items.findIndex((item) => {
    bytes += quotedBytes(JSON.stringify(item));
    return bytes > bytesMax;
  });
  return Math.max(1, past < 0 ? items.length - 1 : past);
}
