import { LAG_QUEUES_MAX } from "../limits.ts";
import type { ListPage } from "../requests.ts";

/** How many queues one request for lag may still read, whatever it lists. */
export class QueueBudget {
  #left = LAG_QUEUES_MAX;

  /** False, and nothing is taken, if fewer are left. */
  take(queues: number): boolean {
    if (queues > this.#left) return false;
    this.#left -= queues;
    return true;
  }
}

interface Counted<R> {
  /** Absent: it does not belong to the list. */
  readonly item: R | undefined;
  /** False if the budget ended before all of it was read. */
  readonly complete: boolean;
}

/**
 * Reads the items of a page until the budget is used up; the rest is for the next page. Only the first item may be read in part,
 * because it is too large for any page.
 */
export async function lagPage<T, R>(
  page: ListPage<T>,
  nameOf: (item: T) => string,
  count: (item: T, budget: QueueBudget) => Promise<Counted<R>>,
): Promise<ListPage<R>> {
  const budget = new QueueBudget();
  const items: R[] = [];
  let last: string | undefined;
  for (const listed of page.items) {
    const { item, complete } = await count(listed, budget);
    if (!complete && last !== undefined) return { items, next: last, complete: false };
    if (item !== undefined) items.push(item);
    last = nameOf(listed);
  }
  return { ...page, items };
}
