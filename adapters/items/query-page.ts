import type { Item, Key, Query, QueryPage } from "../../core/ports/item-store.ts";
import type { Image } from "./image.ts";
import { PAGE_BYTES_MAX } from "./limits.ts";

/** Fills a page up to the query's limit and 1 MB, the first item whatever its size. */
export class QueryPageBuilder {
  readonly #items: Item[] = [];
  readonly #damaged: Key[] = [];
  /** Damaged ones before the last item. */
  #passed = 0;
  readonly #limit: number;
  #bytes = 0;
  #full = false;

  constructor({ limit }: Query) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#full;
  }

  get room(): number {
    return this.#limit - this.#items.length;
  }

  /** Takes the next item, or leaves it to the next page when this one is full. */
  offer({ item, bytes }: Image): void {
    if (this.#items.length > 0 && this.#bytes + bytes > PAGE_BYTES_MAX) {
      this.#full = true;
      return;
    }
    this.#items.push(item);
    this.#passed = this.#damaged.length;
    this.#bytes += bytes;
    this.#full = this.#items.length === this.#limit;
  }

  /** Passes over an item that cannot be read. */
  pass({ pk, sk }: Key): void {
    this.#damaged.push({ pk, sk });
  }

  page(): QueryPage {
    const page = { items: this.#items, more: this.#full };
    // A page that goes on ends with an item: what is damaged behind it belongs to the next.
    const damaged = this.#full ? this.#damaged.slice(0, this.#passed) : this.#damaged;
    return damaged.length === 0 ? page : { ...page, damaged };
  }
}
