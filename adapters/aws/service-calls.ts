import { setTimeout as sleep } from "node:timers/promises";
import type { Consumption, Telemetry } from "../telemetry.ts";
import { failedCall } from "./failed-call.ts";

/** A read is sent this often at most. A write is sent once: only core knows how to repeat a write with an unknown outcome. */
const READ_ATTEMPTS_MAX = 3;
const BACKOFF_MS = { first: 25, most: 400 } as const;

/** Sends a request once and reads its whole answer, until the signal aborts. */
export type Send<T> = (within: { readonly abortSignal: AbortSignal }) => Promise<T>;

/** A running call of a port. It adds up its consumption; the stores add the units and bytes that they learn. */
export class ServiceCall {
  writeUnits = 0;
  readUnits = 0;
  requests = 0;
  bytes = 0;
  readonly #name: string;
  readonly #timeoutMs: number;

  constructor(name: string, timeoutMs: number) {
    this.#name = name;
    this.#timeoutMs = timeoutMs;
  }

  /** `withinMs`: the caller's remaining time, if shorter than the timeout. Errors: those of the port. */
  async write<T>(send: Send<T>, withinMs = Number.POSITIVE_INFINITY): Promise<T> {
    try {
      return await this.#send(send, withinMs);
    } catch (error) {
      throw failedCall(error, this.#name, "write").error;
    }
  }

  /** As `write`, for a read: it is sent again while that may help. */
  async read<T>(send: Send<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await this.#send(send);
      } catch (error) {
        const failed = failedCall(error, this.#name, "read");
        if (!failed.retryable || attempts >= READ_ATTEMPTS_MAX) throw failed.error;
        await backOff(attempts);
      }
    }
  }

  #send<T>(send: Send<T>, withinMs = Number.POSITIVE_INFINITY): Promise<T> {
    this.requests++;
    return send({ abortSignal: AbortSignal.timeout(Math.ceil(Math.min(this.#timeoutMs, withinMs))) });
  }
}

/** The calls of one port to its service: each reported once, each request bounded in time. */
export class ServiceCalls {
  readonly #store: Consumption["store"];
  readonly #resource: string;
  readonly #timeoutMs: number;
  readonly #telemetry: Telemetry | undefined;

  /** `resource` is named in failures: `table apogee`. */
  constructor(store: Consumption["store"], resource: string, timeoutMs: number, telemetry?: Telemetry) {
    this.#store = store;
    this.#resource = resource;
    this.#timeoutMs = timeoutMs;
    this.#telemetry = telemetry;
  }

  async run<T>(operation: string, body: (call: ServiceCall) => Promise<T>): Promise<T> {
    const call = new ServiceCall(`${operation} on ${this.#resource}`, this.#timeoutMs);
    try {
      return await body(call);
    } finally {
      const { writeUnits, readUnits, requests, bytes } = call;
      this.#telemetry?.consumed({ store: this.#store, operation, writeUnits, readUnits, requests, bytes });
    }
  }
}

/** Waits a random time, longer on average after each failure, so that callers that failed together do not return together. */
export async function backOff(failures: number): Promise<void> {
  await sleep(Math.random() * Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (failures - 1)));
}
