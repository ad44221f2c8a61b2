import { BODY_BYTES_MAX, RECEIVE_MESSAGES_MAX, WAIT_SECONDS_MAX } from "../../core/limits.ts";
import type { Backoff, ConsumerGroup } from "../../core/terms.ts";
import type { Publishing, RetryPolicy, Settings, Subscription } from "./generated/apache/rocketmq/v2/definition.ts";
import { durationOf } from "./times.ts";

const SECOND_MS = 1_000;
/** Source: the defaults of RocketMQ's proxy for producers. */
const SEND_RETRIES: RetryPolicy = {
  maxAttempts: 3,
  strategy: {
    $case: "exponentialBackoff",
    value: { initial: durationOf(10), max: durationOf(SECOND_MS), multiplier: 2 },
  },
};
const MULTIPLIER_OF_LISTS = 2;

/** How clients of a language differ in what they take. */
export interface ClientTraits {
  /** The Node.js client calls itself HTTP. It ends its process on a list of backoffs. */
  readonly takesLists: boolean;
  /** The Go client consumes what it received at once side by side, and so breaks the order. */
  readonly takesOrderedBatches: boolean;
}

export const traitsOf = (language: string): ClientTraits => ({
  takesLists: language !== "HTTP" && language !== "NODE_JS",
  takesOrderedBatches: language !== "GO",
});

/** What a producer is told: its own settings, and the broker's limits. */
export function producerSettings(settings: Settings, publishing: Publishing): Settings {
  return {
    ...settings,
    backoffPolicy: SEND_RETRIES,
    pubSub: { $case: "publishing", value: { ...publishing, maxBodySize: BODY_BYTES_MAX, validateMessageType: true } },
    metric: { on: false },
  };
}

/** What a consumer is told: its own settings, and those of its group. `fifo`: its group's messages, or some of them, keep an order. */
export function consumerSettings(
  settings: Settings,
  subscription: Subscription,
  group: Pick<ConsumerGroup, "maxAttempts" | "backoff">,
  { fifo, traits }: { readonly fifo: boolean; readonly traits: ClientTraits },
): Settings {
  return {
    ...settings,
    backoffPolicy: { maxAttempts: group.maxAttempts, strategy: strategyOf(group.backoff, traits) },
    pubSub: {
      $case: "subscription",
      value: {
        ...subscription,
        fifo,
        receiveBatchSize: fifo && !traits.takesOrderedBatches ? 1 : RECEIVE_MESSAGES_MAX,
        longPollingTimeout: durationOf(WAIT_SECONDS_MAX * SECOND_MS),
      },
    },
    metric: { on: false },
  };
}

function strategyOf(backoff: Backoff, { takesLists }: ClientTraits): NonNullable<RetryPolicy["strategy"]> {
  if (!("initialSeconds" in backoff)) {
    if (takesLists)
      return { $case: "customizedBackoff", value: { next: backoff.map((seconds) => durationOf(seconds * SECOND_MS)) } };
    return exponential(backoff[0] ?? 0, MULTIPLIER_OF_LISTS, Math.max(...backoff, 0));
  }
  return exponential(backoff.initialSeconds, backoff.multiplier, backoff.maxSeconds);
}

const exponential = (initialSeconds: number, multiplier: number, maxSeconds: number): NonNullable<RetryPolicy["strategy"]> => ({
  $case: "exponentialBackoff",
  value: { initial: durationOf(initialSeconds * SECOND_MS), max: durationOf(maxSeconds * SECOND_MS), multiplier },
});
