import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Described, DescribedAnswers } from "./described-answers.ts";

/** A suite's knowledge of the server: its address, and the headers to send. */
export interface Target {
  /** Called when a test runs, because the server may start after the tests are declared. */
  baseUrl(): string;
  /** For example a key for a deployed stack. */
  headers?(): Record<string, string>;
  /** A foreign gateway is in front: it passes whole requests and answers, and answers malformed HTTP itself. */
  readonly gateway?: boolean;
  /** Every answer is checked against the server's own document. */
  readonly described?: boolean;
  /** How soon a long poll notices a send. Default 200: one process serves both. */
  readonly wakeMsMax?: number;
  /** How late an instance may notice a change made through another. Default 0: there is one instance. */
  readonly changesKnownAfterMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. Throws if it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the contract promises, and fail where it is absent.
  readonly json: any;
}

export interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** The descriptions of servers, kept because compiling one takes a while. */
const described = new Map<string, DescribedAnswers>();

/** A client that knows nothing of the implementation: paths, JSON and bytes. */
export class Api {
  readonly #target: Target;
  #answers: Promise<DescribedAnswers> | undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  get baseUrl(): string {
    return this.#target.baseUrl();
  }

  get behindGateway(): boolean {
    return this.#target.gateway === true;
  }

  get wakeMsMax(): number {
    return this.#target.wakeMsMax ?? 200;
  }

  /** Resolves once every instance knows the changes made so far to topics, groups and subscriptions. */
  changesKnown(): Promise<void> {
    return sleep(this.#target.changesKnownAfterMs ?? 0);
  }

  get headers(): Record<string, string> {
    return this.#target.headers?.() ?? {};
  }

  /** The answer with its body unread. */
  fetch(method: string, path: string, body?: BodyInitLike, options: CallOptions = {}): Promise<Response> {
    return fetch(this.baseUrl + path, {
      method,
      body: body ?? null,
      headers: { ...this.headers, ...options.headers },
      ...(options.signal ? { signal: options.signal } : {}),
      redirect: "manual",
    });
  }

  /** The server's own description of its answers. */
  answers(): Promise<DescribedAnswers> {
    this.#answers ??= this.fetch("GET", "/openapi.json").then(async (response) => {
      const document = await response.text();
      const answers = described.get(document) ?? new DescribedAnswers(JSON.parse(document) as Described);
      described.set(document, answers);
      return answers;
    });
    return this.#answers;
  }

  /** Fails if the answer differs from the server's document, if the target requires that. */
  async send(method: string, path: string, body?: BodyInitLike, options: CallOptions = {}): Promise<Answer> {
    const response = await this.fetch(method, path, body, options);
    const text = await response.text();
    if (this.#target.described) {
      const { status, headers } = response;
      const { pathname } = new URL(this.baseUrl + path);
      const fault = (await this.answers()).fault({ method, path: pathname, status, headers, text });
      if (fault !== undefined) throw new Error(fault);
    }
    return {
      status: response.status,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text);
      },
    };
  }

  get(path: string, options?: CallOptions): Promise<Answer> {
    return this.send("GET", path, undefined, options);
  }

  delete(path: string, options?: CallOptions): Promise<Answer> {
    return this.send("DELETE", path, undefined, options);
  }

  /** `value` as a JSON body; none when it is undefined. */
  call(method: "PUT" | "POST" | "PATCH", path: string, value?: unknown, options: CallOptions = {}): Promise<Answer> {
    if (value === undefined) return this.send(method, path, undefined, options);
    const headers = { "Content-Type": "application/json", ...options.headers };
    return this.send(method, path, JSON.stringify(value), { ...options, headers });
  }

  put(path: string, value?: unknown, options?: CallOptions): Promise<Answer> {
    return this.call("PUT", path, value, options);
  }

  post(path: string, value?: unknown, options?: CallOptions): Promise<Answer> {
    return this.call("POST", path, value, options);
  }

  patch(path: string, value?: unknown, options?: CallOptions): Promise<Answer> {
    return this.call("PATCH", path, value, options);
  }
}

type BodyInitLike = string | Uint8Array | ReadableStream<Uint8Array>;

/** A name no other test and no other run uses: the suites also run against a stack that others share. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomBytes(6).toString("hex")}`;
