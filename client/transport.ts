import { ApogeeError, type Effect, errorOf, jsonIn, withEffect } from "./apogee-error.ts";
import { type Clock, systemClock, TIMER_MS_MAX } from "./clock.ts";
import { backoffMs, DEFAULT_RETRY, type RetryOptions, retryAfterMs } from "./retry.ts";

export interface TransportOptions {
  /** Address of the broker, such as `http://localhost:8080`. Default: the variable `APOGEE_ENDPOINT`. */
  readonly endpoint?: string | undefined;
  /** Default: the variable `APOGEE_API_KEY`. */
  readonly apiKey?: string | undefined;
  /** Default: the runtime's own. */
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: Clock | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Longest that one attempt may take, beside the wait of a long poll. Default 30. */
  readonly timeoutSeconds?: number | undefined;
}

/** One call, whose path is complete. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For so long from the first attempt on, a repeat changes nothing more than the call. Default: a POST for no time, all else for ever. */
  readonly repeatableMs?: number;
  /** Seconds that the broker may wait before it answers. */
  readonly waitSeconds?: number | undefined;
  /** Default: as often as the transport's options say. */
  readonly maxAttempts?: number | undefined;
}

interface Attempt {
  readonly answer?: unknown;
  readonly error: ApogeeError | undefined;
  /** How long the answer asks to wait. */
  readonly waitMs: number;
}

/** Answers of the broker that may have no body. Any other 2xx has a JSON object. */
const MAYBE_EMPTY = new Set([202, 204]);

/** Makes calls of the HTTP API, and makes them again where that is safe. */
export class Transport {
  readonly clock: Clock;
  readonly retry: Required<RetryOptions>;
  readonly #endpoint: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  /** The broker's clock less this one's, by its latest answer, which names the second. Web pages of other origins are not shown it. */
  #aheadMs: number | undefined;

  constructor(options: TransportOptions) {
    const { endpoint, apiKey = environment("APOGEE_API_KEY"), clock = systemClock, timeoutSeconds = 30 } = options;
    this.#endpoint = addressOf(endpoint ?? environment("APOGEE_ENDPOINT"));
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    this.#fetch = options.fetch ?? ((...args) => fetch(...args));
    this.clock = clock;
    this.retry = { ...DEFAULT_RETRY, ...options.retry };
    this.#timeoutMs = timeoutSeconds * 1_000;
  }

  /** When it is that time at the broker, by this clock: too late by up to a second and the way of an answer. `undefined`: nobody knows. */
  localMs(instant: string): number | undefined {
    return this.#aheadMs === undefined ? undefined : Date.parse(instant) - this.#aheadMs;
  }

  /** The time at the broker: this clock's, but for what the second that its latest answer named corrects. */
  brokerMs(): number {
    const aheadMs = this.#aheadMs ?? 0;
    return this.clock.now() + Math.min(Math.max(0, aheadMs), aheadMs + 1_000);
  }

  /**
   * What the call answers, `undefined` where that has no body. It is made again after failures that may pass, if a repeat is safe. Once an
   * attempt may have done the work, the call's effect is unknown, whatever the later ones say. Errors: `ApogeeError`; the reason of the
   * signal.
   */
  async call<T>(call: Call): Promise<T> {
    return (await this.exchange<T>(call)).answer;
  }

  /** As `call`, with what attempts before the one that was answered may have changed. */
  async exchange<T>(call: Call): Promise<{ readonly answer: T; readonly effect: Effect }> {
    const { method, signal, maxAttempts = this.retry.maxAttempts } = call;
    const { repeatableMs = method === "post" ? 0 : Number.POSITIVE_INFINITY } = call;
    const request = this.#requestOf(call);
    const beganMs = this.clock.now();
    let effect: Effect = "none";
    for (let failures = 1; ; failures++) {
      const { answer, error, waitMs } = await this.#attempt(call, request);
      // An attempt whose answer was lost has deleted it.
      const wasDeleted = effect === "unknown" && method === "delete" && error?.status === 404;
      if (error === undefined || wasDeleted) return { answer: answer as T, effect };
      if (error.effect === "unknown") effect = "unknown";
      const delayMs = waitMs + backoffMs(this.retry, failures);
      const isSafe = effect === "none" || this.clock.now() + delayMs < beganMs + repeatableMs;
      if (failures >= maxAttempts || !error.retryable || !isSafe)
        throw effect === error.effect ? error : withEffect(error, effect);
      await this.clock.sleep(delayMs, signal);
      signal?.throwIfAborted();
    }
  }

  /** The same for each attempt. Errors: a `TypeError` for a header or a body that cannot be sent. */
  #requestOf({ method, body, headers }: Call): RequestInit {
    const all = new Headers(this.#headers);
    if (body !== undefined) all.set("content-type", "application/json");
    for (const [name, value] of Object.entries(headers ?? {})) all.set(name, value);
    return {
      method: method.toUpperCase(),
      headers: all,
      // A redirected POST would become a GET, whose answer means something else.
      redirect: "manual",
      // No text, and so no body, where there is none to send.
      body: JSON.stringify(body),
    };
  }

  async #attempt({ path, query, signal, waitSeconds = 0 }: Call, request: RequestInit): Promise<Attempt> {
    signal?.throwIfAborted();
    const ending = new AbortController();
    const end = (): void => ending.abort(signal?.reason);
    const timeoutMs = this.#timeoutMs + waitSeconds * 1_000;
    const giveUp = (): void => ending.abort(new Error(`No answer came within ${timeoutMs} ms.`));
    const timer = setTimeout(giveUp, Math.min(timeoutMs, TIMER_MS_MAX));
    signal?.addEventListener("abort", end);
    try {
      const response = await this.#fetch(this.#endpoint + path + queryOf(query), { ...request, signal: ending.signal });
      const answeredMs = Date.parse(response.headers.get("date") ?? "");
      if (answeredMs > 0) this.#aheadMs = answeredMs - this.clock.now();
      const text = await response.text();
      const answer = jsonIn(text);
      const isAnswer = text === "" ? MAYBE_EMPTY.has(response.status) : typeof answer === "object" && answer !== null;
      if (response.ok && isAnswer) return { answer, error: undefined, waitMs: 0 };
      return { error: errorOf(response, text), waitMs: retryAfterMs(response, this.clock) };
    } catch (error) {
      signal?.throwIfAborted();
      return { error: connectionFailed(error), waitMs: 0 };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }
}

const connectionFailed = (cause: unknown): ApogeeError =>
  new ApogeeError({
    code: "CONNECTION_FAILED",
    status: 0,
    detail: reasonOf(cause),
    retryable: true,
    effect: "unknown",
    cause,
  });

/** The reason within the reason: `fetch` itself only says that it failed. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message || String((cause as { code?: unknown }).code ?? cause.name) : message;
}

function queryOf(query: Readonly<Record<string, unknown>> = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, String(value));
  return given.size === 0 ? "" : `?${given}`;
}

function addressOf(endpoint: string | undefined): string {
  if (endpoint === undefined) throw new TypeError("Apogee needs an endpoint, or APOGEE_ENDPOINT.");
  const { protocol } = new URL(endpoint);
  if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`${endpoint} is no http(s) address.`);
  return endpoint.replace(/\/+$/, "");
}

/** A variable of the environment, where the runtime has one. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}
