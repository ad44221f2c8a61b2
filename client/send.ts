import type { components } from "./api-types.ts";
import { encodeBody } from "./body.ts";
import { type Duration, secondsOf } from "./duration.ts";
import { randomId } from "./random-id.ts";
import { type StandardSchema, validated } from "./standard-schema.ts";

type WireEntry = components["schemas"]["Message"];
export type SendReceipt = components["schemas"]["SendReceipt"];

/** What a message has beside its body (PROTOCOL.md 4.1). */
export interface MessageOptions {
  readonly tag?: string;
  readonly keys?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  /** Messages of one group are delivered in order, on FIFO and MIXED topics. */
  readonly messageGroup?: string;
  /** 0 or more, on PRIORITY and MIXED topics: the highest is delivered first. All from the number of queues less one on are alike. */
  readonly priority?: number;
  /** On DELAY and MIXED topics, as is `deliverAt`. */
  readonly delay?: Duration;
  readonly deliverAt?: Date | string | number;
  /** RocketMQ's level, 1 to 18, in place of `delay`. */
  readonly delayLevel?: number;
  /**
   * Sends with one key are stored once. Default: a new key for each message, known for five minutes, or a number for each message of a call
   * with two or more, none of which has an identity, a message group, a priority or a delay. So a send whose answer was lost is repeated
   * safely. `false` sends without one: that is cheaper on AWS, and such a send fails where its outcome is unknown.
   */
  readonly dedupKey?: string | false;
  readonly dedupWindow?: Duration;
  /** With `sequence`, instead of a key: stored once and in order, like Kafka's idempotent producer (PROTOCOL.md 4.8). */
  readonly producerId?: string;
  readonly sequence?: number;
  readonly messageId?: string;
}

/** A message to send, as an entry of a batch. */
export interface MessageToSend<Body = unknown> extends MessageOptions {
  readonly body: Body;
}

/** Long enough for the retries of a call, and no longer: the broker keeps each key for so long. */
const RETRY_WINDOW_SECONDS = 300;
/** Of a key that names no window (PROTOCOL.md 4.7). */
const DEDUP_WINDOW_SECONDS = 86_400;
/** For so long the broker knows a producer that sends nothing (PROTOCOL.md 4.8). */
const PRODUCER_SECONDS = 7 * 86_400;

/** Writes to the message what travels with it, such as `traceparent`. */
export type Inject = (properties: Record<string, string>) => void;

export interface Writing {
  readonly inject?: Inject | undefined;
  /** Whether messages that name no identity get one. */
  readonly identities: boolean;
}

/** The message in the form of the API. Errors: `InvalidBody`; a `TypeError` for a body or duration that is none. */
export async function entryOf<Body>(
  body: Body,
  options: MessageOptions,
  { inject, identities }: Writing,
  schema?: StandardSchema<Body, unknown>,
): Promise<WireEntry> {
  const { delay, deliverAt, dedupKey, dedupWindow, properties, ...rest } = options;
  const carried = { ...properties };
  inject?.(carried);
  const makesKey = identities && dedupKey === undefined && rest.producerId === undefined && rest.sequence === undefined;
  const entry = {
    ...encodeBody(schema ? await validated(schema, body) : body),
    ...rest,
    ...(Object.keys(carried).length === 0 ? {} : { properties: carried }),
    ...(delay === undefined ? {} : { delaySeconds: secondsOf(delay) }),
    ...(deliverAt === undefined ? {} : { deliverAt: instantOf(deliverAt) }),
    ...(dedupKey === undefined || dedupKey === false ? {} : { dedupKey }),
    ...(makesKey ? { dedupKey: randomId(), dedupWindowSeconds: RETRY_WINDOW_SECONDS } : {}),
    ...(dedupWindow === undefined ? {} : { dedupWindowSeconds: secondsOf(dedupWindow) }),
  };
  if (makesKey) madeKeys.add(entry);
  return entry;
}

/** Entries whose key was made here. */
const madeKeys = new WeakSet<WireEntry>();

/** Whether the entry has a key that its caller does not know: another identity will do as well. */
export const hasMadeKey = (entry: WireEntry): boolean => madeKeys.has(entry);

/**
 * For so long the broker stores it once, however often it is sent. A repeat that comes later is a message more, so a tenth of the time is
 * left for its way.
 */
export function repeatableMs({ dedupKey, dedupWindowSeconds = DEDUP_WINDOW_SECONDS, sequence }: WireEntry): number {
  if (dedupKey !== undefined) return dedupWindowSeconds * 900;
  return sequence === undefined ? 0 : PRODUCER_SECONDS * 900;
}

/** A time of a request. A number goes as it is: the broker tells seconds from milliseconds. */
export const instantOf = (instant: Date | string | number): string | number =>
  instant instanceof Date ? instant.toISOString() : instant;
