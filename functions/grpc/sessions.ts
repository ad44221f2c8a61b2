import type { Clock } from "../../core/ports/clock.ts";
import type { Filter } from "../../core/terms.ts";
import { Code } from "./generated/apache/rocketmq/v2/definition.ts";
import type { TelemetryCommand } from "./generated/apache/rocketmq/v2/service.ts";
import { RefusedCall } from "./status.ts";

/** A client is forgotten this long after its last call; it heartbeats every ten seconds. */
const IDLE_MS_MAX = 60_000;
const SWEEP_MS = 10_000;
const SESSIONS_MAX = 10_000;
const CLIENT_ID_CHARS_MAX = 255;
/** Streams of one client at once. */
const STREAMS_MAX = 16;
/** Subscriptions that are remembered as declared, of one client. */
const DECLARED_MAX = 64;

/** Where commands to a client are written. */
export interface CommandStream {
  write(command: TelemetryCommand): void;
  end(): void;
}

/** One client, by its x-mq-client-id: its calls come by many streams, and perhaps by many connections. */
export class Session {
  readonly clientId: string;
  readonly language: string;
  lastSeenMs: number;
  /** Its settings named a subscription that only push consumers have. */
  isPush = false;
  /** Its client takes the seconds of a backoff, of at most so many, for milliseconds. */
  mistakesSeconds = false;
  backoffSecondsMax = 0;
  /** How long its receives wait where they do not say. */
  pollMs: number | undefined;
  /** Since when it cannot be told anything. */
  streamEndedAtMs: number | undefined;
  terminated = false;
  /** The newest last. An older one belongs to a client that has not noticed its loss, or to another that calls itself the same. */
  #streams: readonly CommandStream[] = [];
  readonly #polls = new Set<AbortController>();
  readonly #declared = new Map<string, string>();

  constructor(clientId: string, language: string, nowMs: number) {
    this.clientId = clientId;
    this.language = language;
    this.lastSeenMs = nowMs;
  }

  /** A signal that aborts when the client's own does, or when the client terminates. `end` must be called. */
  beginPoll(own: AbortSignal): { readonly signal: AbortSignal; end(): void } {
    const poll = new AbortController();
    const abort = () => poll.abort();
    if (own.aborted || this.terminated) poll.abort();
    own.addEventListener("abort", abort);
    this.#polls.add(poll);
    return {
      signal: poll.signal,
      end: () => {
        own.removeEventListener("abort", abort);
        this.#polls.delete(poll);
      },
    };
  }

  get isPolling(): boolean {
    return this.#polls.size > 0;
  }

  endPolls(): void {
    for (const poll of this.#polls) poll.abort();
  }

  /** The stream by which it can be told something. */
  get stream(): CommandStream | undefined {
    return this.#streams.at(-1);
  }

  /** The oldest is ended where there are many. */
  streamOpened(stream: CommandStream): void {
    const kept = this.#streams.slice(1 - STREAMS_MAX);
    const [oldest] = this.#streams;
    if (oldest && kept[0] !== oldest) oldest.end();
    this.#streams = [...kept, stream];
  }

  streamClosed(stream: CommandStream, nowMs: number): void {
    const others = this.#streams.filter((other) => other !== stream);
    if (others.length === this.#streams.length) return;
    this.#streams = others;
    if (others.length === 0) this.streamEndedAtMs = nowMs;
  }

  /** The client opens another soon, perhaps elsewhere. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  /** Whether this client has not declared this subscription yet, or another filter. */
  isNews(group: string, topic: string, { type, expression }: Filter): boolean {
    return this.#declared.get(`${group}\n${topic}`) !== `${type}\n${expression}`;
  }

  declared(group: string, topic: string, { type, expression }: Filter): void {
    const [oldest] = this.#declared.keys();
    if (this.#declared.size >= DECLARED_MAX && oldest !== undefined) this.#declared.delete(oldest);
    this.#declared.set(`${group}\n${topic}`, `${type}\n${expression}`);
  }

  /** What it declared is gone: a group or a topic was deleted. */
  undeclare(): void {
    this.#declared.clear();
  }
}

export class Sessions {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();
  readonly #onEnd: (session: Session) => void;

  /** `onEnd` hears of each client that is forgotten. */
  constructor(clock: Clock, onEnd: (session: Session) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** The client that makes a call. Errors: CLIENT_ID_REQUIRED, TOO_MANY_REQUESTS. */
  of(clientId: string | undefined, language = ""): Session {
    if (clientId === undefined || clientId === "" || clientId.length > CLIENT_ID_CHARS_MAX)
      throw new RefusedCall(Code.CLIENT_ID_REQUIRED, `x-mq-client-id must have 1 to ${CLIENT_ID_CHARS_MAX} characters.`);
    const nowMs = this.#clock.nowMs();
    let session = this.#sessions.get(clientId);
    if (!session) {
      if (this.#sessions.size >= SESSIONS_MAX) throw new RefusedCall(Code.TOO_MANY_REQUESTS, "The server has too many clients.");
      session = new Session(clientId, language.slice(0, 16), nowMs);
      this.#sessions.set(clientId, session);
    }
    session.lastSeenMs = nowMs;
    return session;
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Forgets clients that have gone, until the signal aborts. */
  async keepSwept(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(SWEEP_MS, signal);
      const nowMs = this.#clock.nowMs();
      for (const session of [...this.#sessions.values()]) {
        const gone = session.terminated || nowMs - session.lastSeenMs > IDLE_MS_MAX;
        if (session.stream || session.isPolling || !gone) continue;
        this.#sessions.delete(session.clientId);
        this.#onEnd(session);
      }
    }
  }
}
