import { hash32 } from "../bytes/hash32.ts";
import { ENDPOINTS_PK, endpointKey } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { everyItem } from "../store/every-item.ts";
import { type EndpointTrouble, stateOf } from "./endpoint-breaker.ts";
import { ENDPOINT_STATE_LIFE_MS } from "./post-limits.ts";
import type { ProducerGroup, ShownProducerGroup } from "./transaction.ts";

const PAGE = 1_000;

/**
 * The stored state of failing endpoints, written by the process that posts checks, for those that show it and for the next that posts.
 * Item `endpoints` / producer group: [u] the group's uid · [h] hash of its URL · [f] calls unanswered in a row · [n] times opened in a
 * row · [o] open until, ms · [w wa] why and when (ms) the last call failed · [x]. An endpoint that answers has no item. The item is
 * written when the breaker opens or closes. An item of earlier settings does not count for the current ones.
 */
export class EndpointStates {
  readonly #items: ItemStore;
  readonly #clock: Clock;

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }) {
    this.#items = store.items;
    this.#clock = store.clock;
  }

  async read(group: ProducerGroup): Promise<EndpointTrouble | undefined> {
    return troubleOf(await this.#items.get(endpointKey(group.name)), group, this.#clock.nowMs());
  }

  /** The last writer is right, because it called last. */
  async write(group: ProducerGroup, trouble: EndpointTrouble | undefined): Promise<void> {
    const key = endpointKey(group.name);
    if (trouble) await this.#items.put(endpointItem(group, trouble));
    else await this.#items.delete(key, { when: [{ op: "=", name: "u", value: group.uid }] });
  }

  async show(group: ProducerGroup): Promise<ShownProducerGroup> {
    if (group.url === undefined) return { ...group, endpoint: undefined };
    return { ...group, endpoint: stateOf(await this.read(group), this.#clock.nowMs()) };
  }

  /** A page of groups, in the order of their names. Most endpoints have no stored state, so all are read by one range query. */
  async showAll(groups: readonly ProducerGroup[]): Promise<readonly ShownProducerGroup[]> {
    const called = groups.filter(({ url }) => url !== undefined);
    const [first, last] = [called[0], called.at(-1)];
    if (!first || !last) return groups.map((group) => ({ ...group, endpoint: undefined }));
    const found = await this.#between(first.name, last.name);
    const nowMs = this.#clock.nowMs();
    return groups.map((group) => ({
      ...group,
      endpoint: group.url === undefined ? undefined : stateOf(troubleOf(found.get(group.name), group, nowMs), nowMs),
    }));
  }

  async #between(first: string, last: string): Promise<ReadonlyMap<string, Item>> {
    const found = new Map<string, Item>();
    const query = { pk: ENDPOINTS_PK, from: first, to: last, limit: PAGE };
    for await (const item of everyItem(this.#items, query)) found.set(item.sk, item);
    return found;
  }
}

const endpointItem = ({ name, uid, url = "" }: ProducerGroup, trouble: EndpointTrouble): Item => ({
  ...endpointKey(name),
  u: uid,
  h: hash32(url),
  f: trouble.failures,
  n: trouble.openings,
  o: trouble.openUntilMs,
  w: trouble.lastFailure,
  wa: trouble.lastFailureAtMs,
  x: Math.ceil((trouble.openUntilMs + ENDPOINT_STATE_LIFE_MS) / 1_000),
});

function troubleOf(item: Item | undefined, { uid, url = "" }: ProducerGroup, nowMs: number): EndpointTrouble | undefined {
  if (item?.u !== uid || item.h !== hash32(url) || (item.x as number) <= nowMs / 1_000) return undefined;
  const { f, n, o, w, wa } = item as unknown as EndpointAttributes;
  return { failures: f, openings: n, openUntilMs: o, lastFailure: w, lastFailureAtMs: wa };
}

interface EndpointAttributes {
  readonly f: number;
  readonly n: number;
  readonly o: number;
  readonly w: string;
  readonly wa: number;
}
