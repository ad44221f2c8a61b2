import { departs } from "../deletions/departure.ts";
import { BrokerError } from "../errors.ts";
import { GROUPS_PK, topicKey } from "../keys.ts";
import { BACKOFF_SECONDS_DEFAULT, LEASE_SECONDS_DEFAULT, MAX_ATTEMPTS_DEFAULT } from "../limits.ts";
import { checkGroupName, deadLetterTopicName } from "../names.ts";
import type { TransactWrite } from "../ports/item-store.ts";
import type { GroupOptions, GroupSettings, ListPage, ListRequest, Nullable, VersionMatch } from "../requests.ts";
import { mergeSettings, sameSettings } from "../store/merge-settings.ts";
import { NamedItems, type NamedKind } from "../store/named-items.ts";
import { GROUP_QUOTA } from "../store/quotas.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { firstVersion } from "../store/uid-items.ts";
import type { ConsumerGroup } from "../terms.ts";
import { topicItem, topicOf } from "../topic/topic-codec.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { deleteHash, putHash } from "../topic/topics-by-hash.ts";
import { groupItem, groupOf } from "./group-codec.ts";

const GROUP_DEFAULTS: GroupOptions = {
  ordered: false,
  maxAttempts: MAX_ATTEMPTS_DEFAULT,
  backoff: BACKOFF_SECONDS_DEFAULT,
  leaseSeconds: LEASE_SECONDS_DEFAULT,
  paused: false,
  assignment: "AVG",
};

const GROUPS: NamedKind<ConsumerGroup> = {
  pk: GROUPS_PK,
  encode: groupItem,
  decode: groupOf,
  checkName: checkGroupName,
  notFound: (name, suggestion) => {
    const detail = `Consumer group '${name}' does not exist.${suggestion} Create it with PUT /v1/groups/${name}.`;
    return new BrokerError("CONSUMER_GROUP_NOT_FOUND", detail);
  },
  quotas: () => [GROUP_QUOTA],
};

/** Consumer groups, and a short-lived cache for the request path. A group is created and removed with its dead-letter topic. */
export class GroupRegistry {
  readonly #store: StoreDependencies;
  readonly #topics: TopicRegistry;
  readonly #groups: NamedItems<ConsumerGroup>;

  constructor(store: StoreDependencies, topics: TopicRegistry) {
    this.#store = store;
    this.#topics = topics;
    this.#groups = new NamedItems(store, GROUPS);
  }

  /** For the request path: up to two seconds old. Errors: ILLEGAL_CONSUMER_GROUP, CONSUMER_GROUP_NOT_FOUND. */
  resolve(name: string): Promise<ConsumerGroup> {
    return this.#groups.resolve(name);
  }

  /** As `resolve`, but `undefined` if there is none. */
  lookUp(name: string): Promise<ConsumerGroup | undefined> {
    return this.#groups.lookUp(name);
  }

  /** The stored state. Errors: as `resolve`. */
  get(name: string): Promise<ConsumerGroup> {
    return this.#groups.get(name);
  }

  list(request: ListRequest): Promise<ListPage<ConsumerGroup>> {
    return this.#groups.list(request);
  }

  /** Errors: ILLEGAL_CONSUMER_GROUP, PRECONDITION_FAILED, QUOTA_EXCEEDED. */
  async put(name: string, settings: GroupSettings, match?: VersionMatch): Promise<{ group: ConsumerGroup; created: boolean }> {
    checkGroupName(name);
    const { value, created } = await this.#groups.put(name, match, (current) =>
      current ? this.#change(current, settings) : this.#create(name, settings),
    );
    return { group: value, created };
  }

  /** Makes a group if there is none of the name. One that is there stays as it is. Errors: ILLEGAL_CONSUMER_GROUP, QUOTA_EXCEEDED. */
  async make(name: string, settings: GroupSettings): Promise<void> {
    checkGroupName(name);
    await this.#groups.put(name, undefined, async (current) => current ?? this.#create(name, settings));
  }

  patch(name: string, settings: Nullable<GroupSettings>, match?: VersionMatch): Promise<ConsumerGroup> {
    return this.#groups.change(name, match, (current) => this.#change(current, settings));
  }

  /** Removes the group and its dead-letter topic. `false`: another request changed it meanwhile. */
  async remove(group: ConsumerGroup): Promise<boolean> {
    const deadLetters = deadLetterTopicName(group.name);
    const topic = await this.#store.items.get(topicKey(deadLetters));
    const nowMs = this.#store.clock.nowMs();
    const beside: TransactWrite[] = [
      { kind: "delete", key: topicKey(deadLetters) },
      departs({ kind: "group", uid: group.uid, name: "", queues: 0 }, nowMs),
    ];
    if (topic) {
      const { uid } = topicOf(topic);
      beside.push(departs({ kind: "topic", uid, name: deadLetters, queues: 1 }, nowMs), deleteHash(uid));
    }
    const removed = await this.#groups.remove(group, beside);
    this.#topics.forget(deadLetters);
    return removed;
  }

  async #create(name: string, settings: GroupSettings): Promise<ConsumerGroup | undefined> {
    const group = { name, ...firstVersion(this.#store), ...mergeSettings(GROUP_DEFAULTS, GROUP_DEFAULTS, settings) };
    const deadLetters = this.#topics.fresh(deadLetterTopicName(name), { queues: 1 });
    const created = await this.#groups.create(group, [{ kind: "put", item: topicItem(deadLetters) }, putHash(deadLetters)]);
    this.#topics.forget(deadLetters.name);
    return created;
  }

  async #change(current: ConsumerGroup, settings: Nullable<GroupSettings>): Promise<ConsumerGroup | undefined> {
    const merged = mergeSettings(GROUP_DEFAULTS, current, settings);
    return sameSettings(GROUP_DEFAULTS, current, merged) ? current : this.#groups.replace(current, { ...current, ...merged });
  }
}
