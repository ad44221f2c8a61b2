import type { components } from "./api-types.ts";
import { ReceivedMessage } from "./received-message.ts";
import type { Settler } from "./settlements.ts";
import { type StandardSchema, validated } from "./standard-schema.ts";
import type { Transport } from "./transport.ts";

type WireReceived = components["schemas"]["ReceivedMessage"];

export const RECEIVE_MAX = 32;
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
   * Messages and their leases. What the schema does not accept is dead-lettered. An answer that was lost is asked for again, by the same
   * `attemptId`. Errors: `ApogeeError`; the reason of the signal.
   */
  async receive(options: ReceiveOptions, attemptId: string = crypto.randomUUID()): Promise<readonly ReceivedMessage<Value>[]> {
    const { max = 10, waitSeconds = 0, leaseSeconds, topics, signal } = options;
    const { messages } = await this.#transport.call<{ messages: readonly WireReceived[] }>({
      method: "post",
      path: this.#path,
      body: { max, waitSeconds, leaseSeconds, topics, attemptId },
      isRepeatable: true,
      waitSeconds,
      signal,
    });
    const arrivedMs = this.#transport.clock.now();
    // An answer that took longer than the lease is worth nothing: others have its messages.
    const live = messages.filter(({ leaseUntil }) => this.#transport.localMs(leaseUntil) + 1_000 > arrivedMs);
    const received = live.map((wire) => {
      const leaseMs = Math.max(this.#transport.localMs(wire.leaseUntil) - arrivedMs, 1_000);
      return new ReceivedMessage<Value>(wire, this.#settler, leaseMs);
    });
    return this.#schema ? await this.#accepted(received, this.#schema) : received;
  }

  async #accepted(
    received: readonly ReceivedMessage<Value>[],
    schema: StandardSchema<unknown, Value>,
  ): Promise<readonly ReceivedMessage<Value>[]> {
    const accepted: ReceivedMessage<Value>[] = [];
    for (const message of received) {
      try {
        message.hold(await validated(schema, message.json()));
        accepted.push(message);
      } catch (error) {
        // The lease ends at the latest, and the message comes again.
        await message.deadLetter((error as Error).message).catch(() => undefined);
      }
    }
    return accepted;
  }
}
