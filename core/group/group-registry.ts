import { toBase64url } from "../bytes/base64url.ts";
import { departs } from "../deletions/departure.ts";
import { BrokerError } from "../errors.ts";
import { GROUPS_PK, groupKey, topicKey } from "../keys.ts";
import { BACKOFF_SECONDS_DEFAULT, LEASE_SECONDS_DEFAULT, MAX_ATTEMPTS_DEFAULT, SUGGESTION_CANDIDATES_MAX } from "../limits.ts";
import { listNames, namesNear } from "../list-names.ts";
import { checkGroupName, deadLetterTopicName, suggestion } from "../names.ts";
import type { Clock } from "../ports/clock.ts";
import type { Item, ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import type { GroupSettings, ListPage, ListRequest, Nullable, VersionMatch } from "../requests.ts";
import { MetadataCache } from "../store/metadata-cache.ts";
import { GROUP_QUOTA, transactCounted } from "../store/quotas.ts";
import { ofVersion } from "../store/uid-items.ts";
import { checkVersion } from "../store/version-match.ts";
import type { ConsumerGroup } from "../terms.ts";
import { topicItem, topicOf } from "../topic/topic-codec.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { groupItem, groupOf } from "./group-codec.ts";

type Configurable = Required<{ [K in keyof GroupSettings]: Exclude<GroupSettings[K], undefined> }>;

const GROUP_DEFAULTS: Configurable = {
  ordered: false,
  maxAttempts: MAX_ATTEMPTS_DEFAULT,
  backoff: BACKOFF_SECONDS_DEFAULT,
  leaseSeconds: LEASE_SECONDS_DEFAULT,
  paused: false,
  assignment: "AVG",
};

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Consumer groups, and a short-lived cache for the request path. A group is created and removed with its dead-letter topic. */
export class GroupRegistry {
  readonly #store: Dependencies;
  readonly #topics: TopicRegistry;
  readonly #cache: MetadataCache<ConsumerGroup>;

  constructor(store: Dependencies, topics: TopicRegistry) {
    this.#store = store;
    this.#topics = topics;
    this.#cache = new MetadataCache(store.clock);
  }

  /** For the request path: up to two seconds old. Errors: ILLEGAL_CONSUMER_GROUP, CONSUMER_GROUP_NOT_FOUND. */
  async resolve(name: string): Promise<ConsumerGroup> {
    checkGroupName(name);
    const group = await this.#cache.get(name, () => this.#read(name));
    if (group) return group;
    throw await this.#notFound(name);
  }

  /** The stored state. Errors: as `resolve`. */
  async get(name: string): Promise<ConsumerGroup> {
    checkGroupName(name);
    const group = await this.#read(name);
    if (group) return group;
    throw await this.#notFound(name);
  }

  list(request: ListRequest): Promise<ListPage<ConsumerGroup>> {
    return listNames(this.#store.items, GROUPS_PK, request, groupOf);
  }

  /** Errors: ILLEGAL_CONSUMER_GROUP, PRECONDITION_FAILED, QUOTA_EXCEEDED. */
  async put(name: string, settings: GroupSettings, match?: VersionMatch): Promise<{ group: ConsumerGroup; created: boolean }> {
    checkGroupName(name);
    for (;;) {
      const current = await this.#read(name);
      checkVersion(current, match);
      const group = current ? await this.#change(current, settings) : await this.#create(name, settings);
      if (group) return { group, created: !current };
    }
  }

  async patch(name: string, settings: Nullable<GroupSettings>, match?: VersionMatch): Promise<ConsumerGroup> {
    for (;;) {
      const current = await this.get(name);
      checkVersion(current, match);
      const group = await this.#change(current, settings);
      if (group) return group;
    }
  }

  /** Removes the group and its dead-letter topic. `false`: another request changed it meanwhile. */
  async remove(group: ConsumerGroup): Promise<boolean> {
    const deadLetters = deadLetterTopicName(group.name);
    const topic = await this.#store.items.get(topicKey(deadLetters));
    const nowMs = this.#store.clock.nowMs();
    const writes: TransactWrite[] = [
      { kind: "delete", key: groupKey(group.name), when: ofVersion(group) },
      { kind: "delete", key: topicKey(deadLetters) },
      departs({ kind: "group", uid: group.uid, name: "", queues: 0 }, nowMs),
    ];
    if (topic) writes.push(departs({ kind: "topic", uid: topicOf(topic).uid, name: deadLetters, queues: 1 }, nowMs));
    const result = await transactCounted(this.#store, writes, [GROUP_QUOTA], -1);
    this.#cache.forget(group.name);
    this.#topics.forget(deadLetters);
    return result.ok;
  }

  async #create(name: string, settings: GroupSettings): Promise<ConsumerGroup | undefined> {
    const nowMs = this.#store.clock.nowMs();
    const merged = merge(GROUP_DEFAULTS, settings);
    const group = {
      name,
      uid: toBase64url(this.#store.random.bytes(6)),
      ...merged,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      version: 1,
    };
    const deadLetters = this.#topics.fresh(deadLetterTopicName(name), { queues: 1 });
    const writes: readonly TransactWrite[] = [
      { kind: "put", item: groupItem(group), when: [{ op: "absent", name: "pk" }] },
      { kind: "put", item: topicItem(deadLetters) },
    ];
    const result = await transactCounted(this.#store, writes, [GROUP_QUOTA], 1);
    this.#cache.forget(name);
    this.#topics.forget(deadLetters.name);
    return result.ok ? group : undefined;
  }

  async #change(current: ConsumerGroup, settings: Nullable<GroupSettings>): Promise<ConsumerGroup | undefined> {
    const merged = merge(current, settings);
    if (JSON.stringify(merged) === JSON.stringify(merge(current, {}))) return current;
    const group = { ...current, ...merged, updatedAtMs: this.#store.clock.nowMs(), version: current.version + 1 };
    const result = await this.#store.items.put(groupItem(group), { when: ofVersion(current) });
    this.#cache.forget(current.name);
    return result.ok ? group : undefined;
  }

  async #read(name: string): Promise<ConsumerGroup | undefined> {
    const item: Item | undefined = await this.#store.items.get(groupKey(name));
    return item && groupOf(item);
  }

  async #notFound(name: string): Promise<BrokerError> {
    const near = await namesNear(this.#store.items, GROUPS_PK, name, SUGGESTION_CANDIDATES_MAX);
    const detail = `Consumer group '${name}' does not exist.${suggestion(name, near)} Create it with PUT /v1/groups/${name}.`;
    return new BrokerError("CONSUMER_GROUP_NOT_FOUND", detail);
  }
}

function merge(current: Configurable, settings: Nullable<GroupSettings>): Configurable {
  const pick = <K extends keyof Configurable>(name: K): Configurable[K] => {
    const given = settings[name];
    if (given === undefined) return current[name];
    return given === null ? GROUP_DEFAULTS[name] : (given as Configurable[K]);
  };
  return {
    ordered: pick("ordered"),
    maxAttempts: pick("maxAttempts"),
    backoff: pick("backoff"),
    leaseSeconds: pick("leaseSeconds"),
    paused: pick("paused"),
    assignment: pick("assignment"),
  };
}
