import type { components } from "./api-types.ts";
import { randomId } from "./random-id.ts";
import { ReceivedMessage, Reject, settleFailed } from "./received-message.ts";
import type { Settler } from "./settlements.ts";
import { InvalidBody, type StandardSchema, validated } from "./standard-schema.ts";
import type { Transport } from "./transport.ts";

type WireReceived = components["schemas"]["ReceivedMessage"];

export const RECEIVE_MAX = 32;
/** Of a group that nobody has set up otherwise. */
const LEASE_SECONDS = 60;
/** Longest wait of a long poll. */
export const WAIT_SECONDS_MAX = 20;

export interface ReceiveOptions {
  /** 1 to 32. Default 10. */
  readonly max?: number;
  /** How long to wait for the first message, up to 20. Default 0. */
  readonly waitSeconds?: number;
  /** Default: the group's. */
  readonly leaseSeconds?: number | undefined;
  /** Default: all that the group is subscribed to. */
  readonly topics?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A receive of a worker. */
interface Receive extends ReceiveOptions {
  /** Default: as often as the transport's options say. */
  readonly maxAttempts?: number;
}

/** Receives messages of one group. */
export class Receiver<Value> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #settler: Settler;
  readonly #schema: StandardSchema<unknown, Value> | undefined;

  constructor(transport: Transport, group: string, settler: Settler, schema: StandardSchema<unknown, Value> | undefined) {
    this.#transport = transport;
    this.#path = `/v1/groups/${encodeURIComponent(group)}/receive`;
    this.#settler = settler;
    this.#schema = schema;
  }

  /**
   * Messages and their leases, also those that no handler is to get. An answer that was lost is asked for again, by the same `attemptId`.
   * Errors: `ApogeeError`; the reason of the signal.
   */
  async receive(options: Receive, attemptId: string = randomId()): Promise<readonly ReceivedMessage<Value>[]> {
    const { max = 10, waitSeconds = 0, leaseSeconds, topics, signal, maxAttempts } = options;
    const { messages } = await this.#transport.call<{ messages: readonly WireReceived[] }>({
      method: "post",
      path: this.#path,
      body: { max, waitSeconds, leaseSeconds, topics, attemptId },
      repeatableMs: Number.POSITIVE_INFINITY,
      waitSeconds,
      signal,
      maxAttempts,
    });
    const arrivedMs = this.#transport.clock.now();
    // Where nobody knows the broker's clock, the lease is taken to begin now.
    const freshMs = arrivedMs + (leaseSeconds ?? LEASE_SECONDS) * 1_000;
    const received = messages.map((wire) => {
      const leaseUntilMs = this.#transport.localMs(wire.leaseUntil) ?? freshMs;
      return new ReceivedMessage<Value>(wire, this.#settler, { leaseUntilMs, leaseMs: leaseUntilMs - arrivedMs });
    });
    // An answer that took longer than the lease is worth nothing: others have its messages.
    const live = received.filter(({ leaseUntilMs }) => leaseUntilMs > arrivedMs);
    const schema = this.#schema;
    if (schema) await Promise.all(live.map((message) => check(message, schema)));
    return live;
  }
}

/** Messages that no handler is to get, and why. */
const unusable = new WeakMap<object, { readonly error: unknown }>();

/** The messages that a handler may get. Others are dead letters, or given back where the schema itself failed. */
export const usable = <Value>(messages: readonly ReceivedMessage<Value>[]): readonly ReceivedMessage<Value>[] =>
  messages.filter((message) => {
    const why = unusable.get(message);
    // Nothing waits for it. Where it fails, the message comes again.
    if (why) void settleFailed(message, why.error).catch(() => undefined);
    return why === undefined;
  });

/** Errors: `Reject` for a body that the schema does not accept; whatever the schema threw. */
export function assertUsable(message: ReceivedMessage): void {
  const why = unusable.get(message);
  if (why) throw why.error;
}

/** Lets the message hold what the schema makes of its body. */
async function check<Value>(message: ReceivedMessage<Value>, schema: StandardSchema<unknown, Value>): Promise<void> {
  let isJson = false;
  try {
    const body = message.json();
    isJson = true;
    message.hold(await validated(schema, body));
  } catch (error) {
    // A schema that fails, such as one that asks a service that is away, says nothing of the body.
    const isRefused = !isJson || error instanceof InvalidBody;
    unusable.set(message, { error: isRefused ? new Reject((error as Error).message) : error });
  }
}
