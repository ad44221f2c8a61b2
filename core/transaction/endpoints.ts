import { LRUCache } from "lru-cache";
import { growingTo } from "../store/growing-to.ts";
import { EndpointBreaker } from "./endpoint-breaker.ts";
import type { EndpointStates } from "./endpoint-states.ts";
import type { Posted } from "./post-slots.ts";
import type { ProducerGroup } from "./transaction.ts";
import { PRODUCER_GROUPS_MAX } from "./transaction-limits.ts";

/** A producer group's endpoint, as this process knows it. After a change of url, or in a group made anew, it is another endpoint. */
export interface Endpoint extends Posted {
  readonly group: ProducerGroup;
  readonly breaker: EndpointBreaker;
  /** By transaction, in the order they came. */
  readonly waiting: Map<string, WaitingPost>;
  /** Settles after the last write of its state: the writes go one after the other. */
  saved: Promise<void>;
}

/** A check that waits for its turn. Its message is read only then. */
export interface WaitingPost {
  readonly transactionId: string;
  readonly checkNumber: number;
  readonly bytes: number;
}

/** The endpoints that this process met last. */
export class Endpoints {
  readonly #states: EndpointStates;
  readonly #known = new LRUCache<string, Endpoint>(growingTo(PRODUCER_GROUPS_MAX));

  constructor(states: EndpointStates) {
    this.#states = states;
  }

  /** The endpoint of a group. The first time, its state is read as another process stored it. Errors: `StoreUnavailable`. */
  async of(group: ProducerGroup): Promise<Endpoint> {
    const key = keyOf(group);
    const known = this.#known.get(key);
    if (known) return known;
    const trouble = await this.#states.read(group);
    const meanwhile = this.#known.get(key);
    if (meanwhile) return meanwhile;
    const endpoint: Endpoint = {
      group,
      breaker: new EndpointBreaker(trouble),
      pace: trouble ? "slow" : "unknown",
      waiting: new Map(),
      saved: Promise.resolve(),
    };
    this.#known.set(key, endpoint);
    return endpoint;
  }

  /** Stores its current state. Errors: `StoreUnavailable`; the next change is stored again. */
  save(endpoint: Endpoint): Promise<void> {
    const { group, breaker, saved } = endpoint;
    const { trouble } = breaker;
    const saving = saved.then(() => this.#states.write(group, trouble));
    endpoint.saved = saving.catch(() => undefined);
    return saving;
  }
}

/** Whether it is still the group's endpoint. */
export const isOf = (endpoint: Endpoint, group: ProducerGroup): boolean => keyOf(endpoint.group) === keyOf(group);

const keyOf = ({ uid, url = "" }: ProducerGroup): string => `${uid} ${url}`;

/** Says why it is not called. */
export function closedOff({ breaker: { trouble } }: Endpoint, nowMs: number): string {
  const { failures = 0, openUntilMs = nowMs } = trouble ?? {};
  const seconds = Math.max(1, Math.ceil((openUntilMs - nowMs) / 1_000));
  return `It was not posted: the endpoint did not answer ${failures} times in a row, and is not called for ${seconds} s more.`;
}
