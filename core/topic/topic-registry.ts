import { toBase64url } from "../bytes/base64url.ts";
import { departs } from "../deletions/departure.ts";
import { BrokerError } from "../errors.ts";
import { TOPICS_PK, topicKey } from "../keys.ts";
import { SUGGESTION_CANDIDATES_MAX } from "../limits.ts";
import { listNames, namesNear } from "../list-names.ts";
import { raisesOf } from "../log/retention.ts";
import { checkReadableTopicName, checkTopicName, checkUserTopicName, isSystemTopic, suggestion } from "../names.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ListPage, ListRequest, Nullable, TopicSettings, VersionMatch } from "../requests.ts";
import { MetadataCache } from "../store/metadata-cache.ts";
import { TOPIC_QUOTA, transactCounted } from "../store/quotas.ts";
import { finishing } from "../store/store-errors.ts";
import { ofVersion } from "../store/uid-items.ts";
import { checkVersion } from "../store/version-match.ts";
import type { Topic, TopicType } from "../terms.ts";
import { topicItem, topicOf } from "./topic-codec.ts";
import { mergeTopicSettings, sameTopicSettings, TOPIC_DEFAULTS } from "./topic-settings.ts";

/**
 * Lets a change of queue counts pass, or throws PRECONDITION_FAILED. Answers `current`, or what it wrote in its place: with fewer write
 * queues, or held.
 */
export type QueueChangeGuard = (current: Topic, wanted: Topic) => Promise<Topic>;

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Topics as stored, and a short-lived copy of them for the request path. */
export class TopicRegistry {
  readonly #store: Dependencies;
  readonly #cache: MetadataCache<Topic>;

  constructor(store: Dependencies) {
    this.#store = store;
    this.#cache = new MetadataCache(store.clock);
  }

  /** For the request path: up to two seconds old. Errors: ILLEGAL_TOPIC, TOPIC_NOT_FOUND. */
  async resolve(name: string): Promise<Topic> {
    checkReadableTopicName(name);
    const topic = await this.lookUp(name);
    if (topic) return topic;
    throw await this.#notFound(name);
  }

  /** As `resolve`, but `undefined` when there is none. */
  lookUp(name: string): Promise<Topic | undefined> {
    return this.#cache.get(name, () => this.#read(name));
  }

  /** The stored state. Errors: ILLEGAL_TOPIC, TOPIC_NOT_FOUND. */
  async get(name: string): Promise<Topic> {
    checkReadableTopicName(name);
    const topic = await this.#read(name);
    if (topic) return topic;
    throw await this.#notFound(name);
  }

  async list(request: ListRequest & { readonly type?: TopicType | undefined }): Promise<ListPage<Topic>> {
    return listNames(this.#store.items, TOPICS_PK, request, (item) => {
      const topic = topicOf(item);
      return !isSystemTopic(topic.name) && (request.type === undefined || topic.type === request.type) ? topic : undefined;
    });
  }

  /** Errors: ILLEGAL_TOPIC, PRECONDITION_FAILED, BAD_REQUEST, QUOTA_EXCEEDED. */
  async put(
    name: string,
    settings: TopicSettings,
    guard: QueueChangeGuard,
    match?: VersionMatch,
  ): Promise<{ topic: Topic; created: boolean }> {
    checkTopicName(name);
    for (;;) {
      const current = await this.#read(name);
      checkVersion(current, match);
      if (current) {
        const topic = await this.#change(current, settings, guard);
        if (topic) return { topic, created: false };
      } else {
        const topic = this.fresh(name, settings);
        const making = { kind: "put", item: topicItem(topic), when: [{ op: "absent", name: "pk" }] } as const;
        const result = await transactCounted(this.#store, [making], [TOPIC_QUOTA], 1);
        this.#cache.forget(name);
        if (result.ok) return { topic, created: true };
      }
    }
  }

  /** Errors: FORBIDDEN, ILLEGAL_TOPIC, TOPIC_NOT_FOUND, PRECONDITION_FAILED, BAD_REQUEST. */
  async patch(name: string, settings: Nullable<TopicSettings>, guard: QueueChangeGuard, match?: VersionMatch): Promise<Topic> {
    checkUserTopicName(name);
    for (;;) {
      const current = await this.get(name);
      checkVersion(current, match);
      const topic = await this.#change(current, settings, guard);
      if (topic) return topic;
    }
  }

  /** Removes the topic itself. `false`: someone changed it meanwhile. */
  async remove(topic: Topic): Promise<boolean> {
    const { uid, name, queuesEver } = topic;
    const writes: readonly TransactWrite[] = [
      { kind: "delete", key: topicKey(name), when: ofVersion(topic) },
      departs({ kind: "topic", uid, name, queues: queuesEver }, this.#store.clock.nowMs()),
    ];
    const result = await transactCounted(this.#store, writes, isSystemTopic(name) ? [] : [TOPIC_QUOTA], -1);
    this.#cache.forget(name);
    return result.ok || (await this.#store.items.get(topicKey(name))) === undefined;
  }

  /** Writes `next` over `current`; `undefined` when someone was quicker. */
  async replace(current: Topic, next: Topic): Promise<Topic | undefined> {
    const stored = { ...next, updatedAtMs: this.#store.clock.nowMs(), version: current.version + 1 };
    const result = await this.#store.items.put(topicItem(stored), { when: ofVersion(current) });
    this.#cache.forget(current.name);
    return result.ok ? stored : undefined;
  }

  /** A topic not yet stored. */
  fresh(name: string, settings: TopicSettings): Topic {
    const nowMs = this.#store.clock.nowMs();
    const merged = mergeTopicSettings(TOPIC_DEFAULTS, settings.writeQueues === undefined ? settings : withReadQueues(settings));
    const uid = toBase64url(this.#store.random.bytes(6));
    return {
      name,
      uid,
      ...merged,
      retentionRaises: [],
      queuesEver: merged.readQueues,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      shrunkAtMs: 0,
      heldUntilMs: 0,
      version: 1,
    };
  }

  /** Whether message groups still go to the queues that this copy says, by the store's word. Errors: `StoreUnavailable`. */
  async keepsQueues({ name, uid, writeQueues }: Topic): Promise<boolean> {
    const item = await this.#store.items.get(topicKey(name));
    const stored = item && topicOf(item);
    return stored?.uid !== uid || (stored.writeQueues === writeQueues && stored.heldUntilMs === 0);
  }

  forget(name: string): void {
    this.#cache.forget(name);
  }

  async #change(current: Topic, settings: Nullable<TopicSettings>, guard: QueueChangeGuard): Promise<Topic | undefined> {
    const merged = mergeTopicSettings(current, settings);
    if (sameTopicSettings(current, merged)) return current;
    if (merged.type !== current.type)
      throw new BrokerError(
        "BAD_REQUEST",
        `The type of a topic is for ever: '${current.name}' is ${current.type}. Create one of another name with {"type": "${merged.type}"}.`,
      );
    const wanted = {
      ...current,
      ...merged,
      retentionRaises: raisesOf(current, merged.retentionHours, this.#store.clock.nowMs()),
      queuesEver: Math.max(current.queuesEver, merged.readQueues),
    };
    const ready = await guard(current, wanted);
    const shrunkAtMs = wanted.writeQueues < ready.writeQueues ? this.#store.clock.nowMs() : ready.shrunkAtMs;
    if (ready === current) return this.replace(current, { ...wanted, shrunkAtMs });
    return finishing(async () => {
      const topic = await this.replace(ready, { ...wanted, shrunkAtMs, heldUntilMs: 0 });
      if (topic) return topic;
      const detail = `Topic '${current.name}' was changed meanwhile, or its groups took too long to look at. Read it and decide anew.`;
      throw new BrokerError("PRECONDITION_FAILED", detail);
    });
  }

  async #read(name: string): Promise<Topic | undefined> {
    const item = await this.#store.items.get(topicKey(name));
    const topic = item && topicOf(item);
    const held = topic && topic.heldUntilMs > 0;
    return held && topic.heldUntilMs <= this.#store.clock.nowMs() ? this.#letGo(topic) : topic;
  }

  /**
   * Whoever held its message groups has died, or takes too long. They may go on once this is written and not before: from then on
   * the change, which wants the version that it wrote, can no longer happen.
   */
  async #letGo(held: Topic): Promise<Topic> {
    try {
      return (await this.replace(held, { ...held, heldUntilMs: 0 })) ?? held;
    } catch (error) {
      if (StoreUnavailable.is(error)) return held;
      throw error;
    }
  }

  async #notFound(name: string): Promise<BrokerError> {
    const near = await namesNear(this.#store.items, TOPICS_PK, name, SUGGESTION_CANDIDATES_MAX);
    return new BrokerError(
      "TOPIC_NOT_FOUND",
      `Topic '${name}' does not exist.${suggestion(name, near)} Create it with PUT /v1/topics/${name}.`,
    );
  }
}

/** On a new topic, writeQueues alone sets both. */
const withReadQueues = (settings: TopicSettings): TopicSettings => ({
  ...settings,
  readQueues: settings.readQueues ?? settings.writeQueues,
});
