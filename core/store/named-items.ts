import type { BrokerError } from "../errors.ts";
import { SUGGESTION_CANDIDATES_MAX } from "../limits.ts";
import { listNames, namesNear } from "../list-names.ts";
import { suggestion } from "../names.ts";
import type { Item, TransactWrite } from "../ports/item-store.ts";
import type { ListPage, ListRequest, VersionMatch } from "../requests.ts";
import { MetadataCache } from "./metadata-cache.ts";
import { type Quota, transactCounted } from "./quotas.ts";
import type { StoreDependencies } from "./store-dependencies.ts";
import { ofVersion } from "./uid-items.ts";
import { checkVersion } from "./version-match.ts";

interface Named {
  readonly name: string;
  readonly uid: string;
  readonly updatedAtMs: number;
  readonly version: number;
}

/** What one kind of named items is like: topics, groups, producer groups. */
export interface NamedKind<T extends Named> {
  readonly pk: string;
  readonly encode: (value: T) => Item;
  readonly decode: (item: Item) => T;
  /** Throws for what cannot be a name. */
  readonly checkName: (name: string) => void;
  readonly notFound: (name: string, suggestion: string) => BrokerError;
  readonly quotas: (name: string) => readonly Quota[];
  /** Mends what was read, and answers what is stored then. */
  readonly mend?: (value: T) => Promise<T>;
}

/** Items of one kind, each under its name, as stored; and a short-lived copy of them for the request path. */
export class NamedItems<T extends Named> {
  readonly #store: StoreDependencies;
  readonly #kind: NamedKind<T>;
  readonly #cache: MetadataCache<T>;

  constructor(store: StoreDependencies, kind: NamedKind<T>) {
    this.#store = store;
    this.#kind = kind;
    this.#cache = new MetadataCache(store.clock);
  }

  /** For the request path: up to two seconds old. Errors: those of the name, and not found. */
  async resolve(name: string): Promise<T> {
    this.#kind.checkName(name);
    return (await this.lookUp(name)) ?? this.#notFound(name);
  }

  /** As `resolve`, but `undefined` when there is none. */
  lookUp(name: string): Promise<T | undefined> {
    return this.#cache.get(name, () => this.find(name));
  }

  /** The stored state. Errors: as `resolve`. */
  async get(name: string): Promise<T> {
    this.#kind.checkName(name);
    return (await this.find(name)) ?? this.#notFound(name);
  }

  /** As `get`, but `undefined` when there is none. */
  async find(name: string): Promise<T | undefined> {
    const { pk, decode, mend } = this.#kind;
    const item = await this.#store.items.get({ pk, sk: name });
    const value = item && decode(item);
    return value && mend ? mend(value) : value;
  }

  list(request: ListRequest, belongs: (value: T) => boolean = () => true): Promise<ListPage<T>> {
    return listNames(this.#store.items, this.#kind.pk, request, (item) => {
      const value = this.#kind.decode(item);
      return belongs(value) ? value : undefined;
    });
  }

  /** Makes or changes what has the name. `write` is repeated as long as it answers `undefined`, because someone was quicker. */
  async put(
    name: string,
    match: VersionMatch | undefined,
    write: (current: T | undefined) => Promise<T | undefined>,
  ): Promise<{ value: T; created: boolean }> {
    for (;;) {
      const current = await this.find(name);
      checkVersion(current, match);
      const value = await write(current);
      if (value) return { value, created: !current };
    }
  }

  /** As `put`, of what must be there. Errors: as `get`. */
  async change(name: string, match: VersionMatch | undefined, write: (current: T) => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const current = await this.get(name);
      checkVersion(current, match);
      const value = await write(current);
      if (value) return value;
    }
  }

  /** `undefined` when there is one of the name already. Errors: QUOTA_EXCEEDED. */
  async create(value: T, beside: readonly TransactWrite[] = []): Promise<T | undefined> {
    const making = { kind: "put", item: this.#kind.encode(value), when: [{ op: "absent", name: "pk" }] } as const;
    const result = await transactCounted(this.#store, [making, ...beside], this.#kind.quotas(value.name), 1);
    this.forget(value.name);
    return result.ok ? value : undefined;
  }

  /** Writes `next` over `current`, as its next version; `undefined` when someone was quicker. */
  async replace(current: T, next: T): Promise<T | undefined> {
    const stored = { ...next, updatedAtMs: this.#store.clock.nowMs(), version: current.version + 1 };
    const result = await this.#store.items.put(this.#kind.encode(stored), { when: ofVersion(current) });
    this.forget(current.name);
    return result.ok ? stored : undefined;
  }

  /** `false`: someone changed or removed it meanwhile. */
  async remove(value: T, beside: readonly TransactWrite[] = []): Promise<boolean> {
    const { pk, quotas } = this.#kind;
    const removing = { kind: "delete", key: { pk, sk: value.name }, when: ofVersion(value) } as const;
    const result = await transactCounted(this.#store, [removing, ...beside], quotas(value.name), -1);
    this.forget(value.name);
    return result.ok;
  }

  forget(name: string): void {
    this.#cache.forget(name);
  }

  async #notFound(name: string): Promise<never> {
    const near = await namesNear(this.#store.items, this.#kind.pk, name, SUGGESTION_CANDIDATES_MAX);
    throw this.#kind.notFound(name, suggestion(name, near));
  }
}
