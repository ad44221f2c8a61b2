import { LIST_LIMIT_MAX } from "../limits.ts";
import { topicHashOf } from "../message/message-id.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";

/** Finds the topics that an id may name: it holds a hash of the topic's uid. Remembers the hashes of all topics. */
export class TopicHashes {
  readonly #topics: TopicRegistry;
  #names: ReadonlyMap<number, readonly string[]> = new Map();
  #reading: Promise<void> | undefined;

  constructor(topics: TopicRegistry) {
    this.#topics = topics;
  }

  /** Those that are remembered first, and then those that were made since: each once. Errors: `StoreUnavailable`. */
  async *topicsOf(hash: number): AsyncGenerator<Topic> {
    const told = new Set<string>();
    for (const isAgain of [false, true]) {
      if (isAgain) await this.#read();
      for (const name of this.#names.get(hash) ?? []) {
        if (told.has(name)) continue;
        const topic = await this.#topics.lookUp(name);
        if (!topic || topicHashOf(topic.uid) !== hash) continue;
        told.add(name);
        yield topic;
      }
    }
  }

  /** Requests that come together share one reading. It begins after they did, so it shows what they may be about. */
  async #read(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    const names = new Map<number, string[]>();
    for (let after: string | undefined, more = true; more; ) {
      const page = await this.#topics.list({ limit: LIST_LIMIT_MAX, after });
      for (const { name, uid } of page.items) {
        const hash = topicHashOf(uid);
        const some = names.get(hash);
        if (some) some.push(name);
        else names.set(hash, [name]);
      }
      after = page.next;
      more = after !== undefined;
    }
    this.#names = names;
  }
}
