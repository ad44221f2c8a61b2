import { vi } from "vitest";
import { Apogee, type ApogeeOptions, type StandardSchema } from "../../client/index.ts";
import { createTestBroker, type TestBroker } from "../../client/testing.ts";

/** A request that a client made. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what was sent, whatever its shape.
  readonly body: any;
  readonly headers: Headers;
}

/** What becomes of a request. Where it is `lost` or `unanswered` the broker does the work; where it `hangs` it never hears of it. */
export type Fault =
  | "refused"
  | "lost"
  | "hangs"
  | "unanswered"
  | ((pass: () => Promise<Response>) => Response | Promise<Response>);

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });

interface Planned {
  readonly matches: (sent: Sent) => boolean;
  readonly fault: Fault;
  times: number;
  passing: number;
}

/** The way between a client and a broker, which a test can cut. */
export class Wire {
  readonly sent: Sent[] = [];
  readonly #inner: typeof fetch;
  #planned: Planned[] = [];
  #storm: (sent: Sent) => Fault | undefined = () => undefined;

  constructor(inner: typeof fetch) {
    this.#inner = inner;
  }

  /** Fails so many requests whose path ends so: the next ones, or those behind some that pass. */
  fail(pathEnd: string, fault: Fault, times = 1, passing = 0): void {
    this.#planned.push({ matches: ({ path }) => path.split("?")[0]!.endsWith(pathEnd), fault, times, passing });
  }

  /** Lets chance decide of each request whether it fails. */
  storm(chance: (sent: Sent) => Fault | undefined): void {
    this.#storm = chance;
  }

  mend(): void {
    this.#planned = [];
    this.#storm = () => undefined;
  }

  count(pathEnd: string): number {
    return this.sent.filter(({ path }) => path.split("?")[0]!.endsWith(pathEnd)).length;
  }

  #next(sent: Sent): Fault | undefined {
    const planned = this.#planned.find(({ matches, times }) => times > 0 && matches(sent));
    if (planned === undefined || planned.passing-- > 0) return undefined;
    planned.times--;
    return planned.fault;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const text = await request.clone().text();
    const sent: Sent = {
      method: request.method,
      path: url.pathname + url.search,
      body: text === "" ? undefined : JSON.parse(text),
      headers: request.headers,
    };
    this.sent.push(sent);
    const fault = this.#next(sent) ?? this.#storm(sent);
    if (fault === undefined) return this.#inner(request);
    // A client that goes away does not undo what the broker has done.
    const pass = () =>
      this.#inner(request.url, { method: sent.method, headers: sent.headers, ...(text === "" ? {} : { body: text }) });
    const fails = async (): Promise<Response> => {
      if (typeof fault === "function") return fault(pass);
      if (fault === "unanswered" || fault === "lost") await pass();
      if (fault === "hangs" || fault === "unanswered") await untilAborted(request.signal);
      throw new TypeError("fetch failed", { cause: new Error("the connection broke") });
    };
    return Promise.race([fails(), untilAborted(request.signal)]);
  };
}

export interface Wired extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly wire: Wire;
  readonly apogee: Apogee;
  readonly clock: TestBroker["clock"];
}

export const QUICK = { baseMs: 1, maxMs: 4 };

/** A broker, and a client whose wire can be cut. It retries without long waits. */
export async function wired(options: ApogeeOptions = {}): Promise<Wired> {
  const broker = await createTestBroker();
  const wire = new Wire(broker.fetch);
  const apogee = new Apogee({ endpoint: "http://localhost", fetch: wire.fetch, clock: broker.clock, retry: QUICK, ...options });
  return { broker, wire, apogee, clock: broker.clock, [Symbol.asyncDispose]: () => broker.stop() };
}

/** An answer of the broker that asks to come again. */
export const problem =
  (status: number, code: string, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  () =>
    Response.json(
      { type: "/errors/x", title: "x", status, detail: "as the test wants it", instance: "/", code, requestId: "r-1", ...more },
      { status, headers: { "content-type": "application/problem+json", ...headers } },
    );

export const busy = problem(503, "SERVER_BUSY", { retryable: true, effect: "none" }, { "retry-after": "0" });

/** Waits until it holds. */
export const eventually = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 10_000, interval: 2 });

/** What a promise rejects with. */
export const failure = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It was to reject.");
};

/** A promise that the test resolves. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A schema that is this function. */
export const schemaOf = <Output>(
  validate: StandardSchema<unknown, Output>["~standard"]["validate"],
): StandardSchema<unknown, Output> => ({ "~standard": { version: 1, vendor: "test", validate } });

/** What one receive of the group brings, as texts. */
export async function texts(iterable: AsyncIterable<{ text(): string }>): Promise<string[]> {
  const all: string[] = [];
  for await (const message of iterable) all.push(message.text());
  return all;
}
