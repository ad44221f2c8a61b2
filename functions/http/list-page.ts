import type { ListPage, ListRequest } from "../../core/broker.ts";
import { LIST_LIMIT_DEFAULT } from "../../core/limits.ts";
import type { Cursors } from "./cursor.ts";
import { jsonReply, type Reply } from "./reply.ts";

export interface ListQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly prefix?: string | undefined;
}

/** Answers one page of a list. `scope` names the list and its filters: a cursor of another one is refused. */
export async function listReply<T>(
  cursors: Cursors,
  scope: string,
  query: ListQuery,
  list: (request: ListRequest) => Promise<ListPage<T>>,
  render: (item: T) => unknown,
): Promise<Reply> {
  const bound = `${scope}\0${query.prefix ?? ""}`;
  const after = query.cursor === undefined ? undefined : cursors.decode(bound, query.cursor);
  const page = await list({ limit: query.limit ?? LIST_LIMIT_DEFAULT, prefix: query.prefix, after });
  return jsonReply(200, {
    items: page.items.map(render),
    nextCursor: page.next === undefined ? null : cursors.encode(bound, page.next),
    complete: page.complete,
  });
}
