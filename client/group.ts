import type { Api } from "./api.ts";
import type { components } from "./api-types.ts";
import type { CallInput, CallOptions } from "./call.ts";

type Schemas = components["schemas"];

/** A consumer group, to manage. `apogee.consumer(name)` receives its messages. */
export class Group {
  readonly name: string;
  readonly #api: Api;

  constructor(api: Api, name: string) {
    this.name = name;
    this.#api = api;
  }

  get #path(): { readonly group: string } {
    return { group: this.name };
  }

  /** Makes the group, or changes the settings that are named. */
  put(settings: Schemas["GroupSettings"] = {}, options: CallOptions = {}): Promise<Schemas["Group"]> {
    return this.#api.call("put", "/v1/groups/{group}", { ...options, path: this.#path, body: settings });
  }

  get(options: CallOptions = {}): Promise<Schemas["GroupWithSubscriptions"]> {
    return this.#api.call("get", "/v1/groups/{group}", { ...options, path: this.#path });
  }

  /** Changes the settings that are named; `null` restores a default. */
  patch(settings: Schemas["GroupPatch"], options: CallOptions = {}): Promise<Schemas["Group"]> {
    return this.#api.call("patch", "/v1/groups/{group}", { ...options, path: this.#path, body: settings });
  }

  /** Deletes the group, its subscriptions and its dead letters. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#api.call("delete", "/v1/groups/{group}", { ...options, path: this.#path });
  }

  /** From the latest message on, unless `startFrom` says otherwise. */
  subscribe(
    topic: string,
    settings: Schemas["SubscriptionSettings"] = {},
    options: CallOptions = {},
  ): Promise<Schemas["Subscription"]> {
    const path = { ...this.#path, topic };
    return this.#api.call("put", "/v1/groups/{group}/subscriptions/{topic}", { ...options, path, body: settings });
  }

  async unsubscribe(topic: string, options: CallOptions = {}): Promise<void> {
    const path = { ...this.#path, topic };
    await this.#api.call("delete", "/v1/groups/{group}/subscriptions/{topic}", { ...options, path });
  }

  /** Delivers nothing any more. */
  pause(options: CallOptions = {}): Promise<Schemas["Group"]> {
    return this.#api.call("post", "/v1/groups/{group}/pause", { ...options, path: this.#path });
  }

  resume(options: CallOptions = {}): Promise<Schemas["Group"]> {
    return this.#api.call("post", "/v1/groups/{group}/resume", { ...options, path: this.#path });
  }

  lag(options: CallOptions = {}): Promise<Schemas["GroupLag"]> {
    return this.#api.call("get", "/v1/groups/{group}/lag", { ...options, path: this.#path });
  }

  /** Where the group is on its queues, or a client that reads every message for itself. */
  offsets(
    query: CallInput<"/v1/groups/{group}/offsets", "get">["query"] = {},
    options: CallOptions = {},
  ): Promise<Schemas["QueueOffsetPage"]> {
    return this.#api.call("get", "/v1/groups/{group}/offsets", { ...options, path: this.#path, query });
  }

  /** Says how far a consumer that pulls has come on a queue. Errors: `STALE_GENERATION` if the queue went to another. */
  commit(
    topic: string,
    queueId: number,
    commit: Schemas["OffsetCommit"],
    options: CallOptions = {},
  ): Promise<Schemas["OffsetCommitReply"]> {
    const path = { ...this.#path, topic, queueId };
    return this.#api.call("put", "/v1/groups/{group}/offsets/{topic}/{queueId}", { ...options, path, body: commit });
  }

  /** Moves the group within a topic, and makes void what it has in flight there. */
  reset(target: Schemas["OffsetReset"], options: CallOptions = {}): Promise<Schemas["OffsetResetReply"]> {
    return this.#api.call("post", "/v1/groups/{group}/offsets/reset", { ...options, path: this.#path, body: target });
  }

  deadLetters(
    query: CallInput<"/v1/groups/{group}/dlq", "get">["query"] = {},
    options: CallOptions = {},
  ): Promise<Schemas["DeadLetterPage"]> {
    return this.#api.call("get", "/v1/groups/{group}/dlq", { ...options, path: this.#path, query });
  }

  /** Delivers dead letters again: all of them, unless the request says which. One that takes long goes on as a job. */
  redrive(request: Schemas["RedriveRequest"] = {}, options: CallOptions = {}): Promise<Schemas["RedriveReply"]> {
    return this.#api.call("post", "/v1/groups/{group}/dlq/redrive", { ...options, path: this.#path, body: request });
  }

  /** How far a redrive is. */
  redriveJob(jobId: string, options: CallOptions = {}): Promise<Schemas["RedriveJob"]> {
    const path = { ...this.#path, jobId };
    return this.#api.call("get", "/v1/groups/{group}/dlq/redrive/{jobId}", { ...options, path });
  }

  /** Deletes all dead letters. */
  purge(options: CallOptions = {}): Promise<Schemas["PurgeReply"]> {
    const body = { confirm: this.name };
    return this.#api.call("post", "/v1/groups/{group}/dlq/purge", { ...options, path: this.#path, body });
  }
}
