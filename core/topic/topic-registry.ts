import { departs } from "../deletions/departure.ts";
import { BrokerError } from "../errors.ts";
import { TOPICS_PK, topicHashPk, topicKey } from "../keys.ts";
import { raisesOf } from "../log/retention.ts";
import { checkReadableTopicName, checkTopicName, checkUserTopicName, isSystemTopic } from "../names.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ListPage, ListRequest, Nullable, TopicSettings, VersionMatch } from "../requests.ts";
import { sameSettings } from "../store/merge-settings.ts";
import { NamedItems } from "../store/named-items.ts";
import { TOPIC_QUOTA } from "../store/quotas.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { finishing } from "../store/store-errors.ts";
import { firstVersion } from "../store/uid-items.ts";
import type { Topic, TopicType } from "../terms.ts";
import { topicItem, topicOf } from "./topic-codec.ts";
import { mergeTopicSettings, TOPIC_DEFAULTS } from "./topic-settings.ts";
import { deleteHash, hashedTopicOf, putHash } from "./topics-by-hash.ts";

/** Topics that are looked at for one hash. With 600,000 topics there are nine on average. */
const TOPICS_OF_HASH_MAX = 32;

/**
 * Allows a change of queue counts, or throws PRECONDITION_FAILED. Answers `current`, or the topic that it wrote instead: with fewer
 * write queues, or held.
 */
export type QueueChangeGuard = (current: Topic, wanted: Topic) => Promise<Topic>;

/** Topics, and a short-lived cache for the request path. */
export class TopicRegistry {
  readonly #store: StoreDependencies;
  readonly #topics: NamedItems<Topic>;

  constructor(store: StoreDependencies) {
    this.#store = store;
    this.#topics = new NamedItems<Topic>(store, {
      pk: TOPICS_PK,
      encode: topicItem,
      decode: topicOf,
      checkName: checkReadableTopicName,
      notFound: (name, suggestion) => {
        const detail = `Topic '${name}' does not exist.${suggestion} Create it with PUT /v1/topics/${name}.`;
        return new BrokerError("TOPIC_NOT_FOUND", detail);
      },
      quotas: (name) => (isSystemTopic(name) ? [] : [TOPIC_QUOTA]),
      mend: (topic) => this.#letGo(topic),
    });
  }

  /** For the request path: up to two seconds old. Errors: ILLEGAL_TOPIC, TOPIC_NOT_FOUND. */
  resolve(name: string): Promise<Topic> {
    return this.#topics.resolve(name);
  }

  /** As `resolve`, but `undefined` if there is none. */
  lookUp(name: string): Promise<Topic | undefined> {
    return this.#topics.lookUp(name);
  }

  /** The stored state. Errors: ILLEGAL_TOPIC, TOPIC_NOT_FOUND. */
  get(name: string): Promise<Topic> {
    return this.#topics.get(name);
  }

  list({ type, ...request }: ListRequest & { readonly type?: TopicType | undefined }): Promise<ListPage<Topic>> {
    return this.#topics.list(request, (topic) => !isSystemTopic(topic.name) && (type === undefined || topic.type === type));
  }

  /** Errors: ILLEGAL_TOPIC, PRECONDITION_FAILED, BAD_REQUEST, QUOTA_EXCEEDED. */
  async put(
    name: string,
    settings: TopicSettings,
    guard: QueueChangeGuard,
    match?: VersionMatch,
  ): Promise<{ topic: Topic; created: boolean }> {
    checkTopicName(name);
    const { value, created } = await this.#topics.put(name, match, (current) =>
      current ? this.#change(current, settings, guard) : this.#create(this.fresh(name, settings)),
    );
    return { topic: value, created };
  }

  /** Errors: FORBIDDEN, ILLEGAL_TOPIC, TOPIC_NOT_FOUND, PRECONDITION_FAILED, BAD_REQUEST, QUOTA_EXCEEDED. */
  async patch(name: string, settings: Nullable<TopicSettings>, guard: QueueChangeGuard, match?: VersionMatch): Promise<Topic> {
    checkUserTopicName(name);
    return this.#topics.change(name, match, (current) => this.#change(current, settings, guard));
  }

  /** Removes the topic itself. `false`: another request changed it meanwhile. */
  async remove(topic: Topic): Promise<boolean> {
    const { uid, name, queuesEver } = topic;
    const leaving = departs({ kind: "topic", uid, name, queues: queuesEver }, this.#store.clock.nowMs());
    const beside = [leaving, deleteHash(uid)];
    return (await this.#topics.remove(topic, beside)) || (await this.#store.items.get(topicKey(name))) === undefined;
  }

  /** The topics, as stored, whose messages' ids hold this hash (`message/message-id`). Errors: `StoreUnavailable`. */
  async ofHash(hash: number): Promise<readonly Topic[]> {
    const { items } = await this.#store.items.query({ pk: topicHashPk(hash), limit: TOPICS_OF_HASH_MAX });
    const topics = await Promise.all(items.map((item) => this.#hashed(hashedTopicOf(item))));
    return topics.filter((topic) => topic !== undefined);
  }

  /** Writes `next` over `current`. `undefined`: another request was quicker. */
  replace(current: Topic, next: Topic): Promise<Topic | undefined> {
    return this.#topics.replace(current, next);
  }

  /** A topic that is not stored yet. */
  fresh(name: string, settings: TopicSettings): Topic {
    const merged = mergeTopicSettings(TOPIC_DEFAULTS, settings.writeQueues === undefined ? settings : withReadQueues(settings));
    return {
      name,
      ...firstVersion(this.#store),
      ...merged,
      retentionRaises: [],
      queuesEver: merged.readQueues,
      shrunkAtMs: 0,
      heldUntilMs: 0,
    };
  }

  /** Whether, according to the store, message groups still use the queues of this copy. Errors: `StoreUnavailable`. */
  async keepsQueues({ name, uid, writeQueues }: Topic): Promise<boolean> {
    const item = await this.#store.items.get(topicKey(name));
    const stored = item && topicOf(item);
    return stored?.uid !== uid || (stored.writeQueues === writeQueues && stored.heldUntilMs === 0);
  }

  forget(name: string): void {
    this.#topics.forget(name);
  }

  #create(topic: Topic): Promise<Topic | undefined> {
    return this.#topics.create(topic, [putHash(topic)]);
  }

  /** Another topic may have the name by now. */
  async #hashed({ name, uid }: Pick<Topic, "name" | "uid">): Promise<Topic | undefined> {
    const stored = await this.#topics.find(name);
    return stored?.uid === uid ? stored : undefined;
  }

  async #change(current: Topic, settings: Nullable<TopicSettings>, guard: QueueChangeGuard): Promise<Topic | undefined> {
    const merged = mergeTopicSettings(current, settings);
    if (sameSettings(TOPIC_DEFAULTS, current, merged)) return current;
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

  /**
   * Ends a hold whose process has died, or takes too long. Message groups may continue only once this is written: from then on the
   * change cannot happen any more, since it requires the version that it wrote.
   */
  async #letGo(topic: Topic): Promise<Topic> {
    if (topic.heldUntilMs === 0 || topic.heldUntilMs > this.#store.clock.nowMs()) return topic;
    try {
      return (await this.replace(topic, { ...topic, heldUntilMs: 0 })) ?? topic;
    } catch (error) {
      if (StoreUnavailable.is(error)) return topic;
      throw error;
    }
  }
}

/** On a new topic, writeQueues alone sets both. */
const withReadQueues = (settings: TopicSettings): TopicSettings => ({
  ...settings,
  readQueues: settings.readQueues ?? settings.writeQueues,
});
