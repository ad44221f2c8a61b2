import type { Item, Key, Query, QueryPage } from "../../core/ports/item-store.ts";
import type { Image } from "./image.ts";
import { PAGE_BYTES_MAX } from "./limits.ts";

/** Fills a page up to the query's limit and 1 MB, the first item whatever its size. */
export class QueryPageBuilder {
  readonly #items: Item[] = [];
  readonly #damaged: { readonly key: Key; readonly behind: number }[] = [];
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

  /** Takes the next item, or leaves it to the next page if this one is full. */
  offer({ item, bytes }: Image): void {
    if (this.#items.length > 0 && this.#bytes + bytes > PAGE_BYTES_MAX) {
      this.#full = true;
      return;
    }
    this.#items.push(item);
    this.#bytes += bytes;
    this.#full = this.#items.length === this.#limit;
  }

  /** An item of the page's range that cannot be read. */
  skip(key: Key): void {
    this.#damaged.push({ key, behind: this.#items.length });
  }

  page(): QueryPage {
    const page = { items: this.#items, more: this.#full };
    if (this.#damaged.length === 0) return page;
    // Damaged items behind the last item of a full page belong to the next one.
    const damaged = this.#damaged.filter(({ behind }) => !this.#full || behind < this.#items.length).map(({ key }) => key);
    return damaged.length === 0 ? page : { ...page, damaged };
  }
}
