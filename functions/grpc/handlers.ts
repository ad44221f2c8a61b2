import type { handleServerStreamingCall, handleUnaryCall, ServerUnaryCall } from "@grpc/grpc-js";
import { AnswerTurns } from "./answer-turns.ts";
import type { Status } from "./generated/apache/rocketmq/v2/definition.ts";
import type { Call, Serving, WaitingCall } from "./serving.ts";
import type { Session } from "./sessions.ts";
import { checkSignature, headerOf, unauthorized } from "./signature.ts";
import { FAULT, statusOf } from "./status.ts";

/** A client that has not taken its answer by then is cut off: the answer stays in memory until it has. */
const WRITE_MS_MAX = 60_000;

/** What calls of every kind have. */
export type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getPeer" | "getAuthContext">;

/** Whether the two ends of a call are on one machine, or what is between them is encrypted. */
export type IsPrivate = (call: AnyCall) => boolean;

/**
 * Writes the whole answer, whose messages' bodies are of so many bytes. Resolves with how many of its parts, from the first on, went out
 * before the client was gone.
 */
export type WriteAnswer<Part> = (parts: readonly Part[], bytes: number) => Promise<number>;

/** How calls become verbs: who calls, and what failures say. Those of a call are a status in its answer, not one of gRPC, as clients expect. */
export class Handlers {
  readonly #serving: Serving;
  readonly #isPrivate: IsPrivate;
  readonly #turns = new AnswerTurns();
  readonly #running = new Set<Promise<unknown>>();

  constructor(serving: Serving, isPrivate: IsPrivate) {
    this.#serving = serving;
    this.#isPrivate = isPrivate;
  }

  /** Errors: UNAUTHORIZED, CLIENT_ID_REQUIRED, TOO_MANY_REQUESTS. */
  admitted(call: AnyCall): Session {
    const { options, clock, sessions } = this.#serving;
    const { credentials } = options;
    if (credentials) {
      if (!this.#isPrivate(call)) throw unauthorized("Signed calls need TLS, or come from this machine.");
      checkSignature(call.metadata, credentials, clock.nowMs());
    }
    return sessions.of(headerOf(call.metadata, "x-mq-client-id"), headerOf(call.metadata, "x-mq-language"));
  }

  /** Resolves when no call uses the broker any more. For when no new ones come. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  failed(error: unknown): Status {
    const status = statusOf(error);
    if (!status) this.#serving.log.error({ err: error }, "a call over gRPC failed");
    return status ?? FAULT;
  }

  unary<Request, Response>(
    answer: (serving: Serving, request: Request, call: Call) => Promise<Response>,
    refusal: (status: Status) => Response,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      const run = async () => answer(this.#serving, call.request, { session: this.admitted(call) });
      const running = run().then(
        (response) => this.#turns.run(() => callback(null, response)),
        (error: unknown) => callback(null, refusal(this.failed(error))),
      );
      this.count(running);
    };
  }

  streaming<Request, Part>(
    answer: (serving: Serving, request: Request, call: WaitingCall, write: WriteAnswer<Part>) => Promise<unknown>,
    refusal: (status: Status) => Part,
  ): handleServerStreamingCall<Request, Part> {
    return (call) => {
      const cancelled = new AbortController();
      const gone = new Promise<false>((resolve) => {
        for (const event of ["cancelled", "close"]) call.once(event, () => resolve(false));
      });
      call.once("cancelled", () => cancelled.abort());
      const writePart = (part: Part): Promise<boolean> => {
        if (call.cancelled || call.writableEnded) return Promise.resolve(false);
        // A part has gone out when its callback is called: the stream itself would take all of them, whether the client reads or not.
        const written = new Promise<boolean>((resolve) =>
          call.write(part, (error?: Error | null) => resolve(!error && !call.cancelled)),
        );
        return Promise.race([written, gone]);
      };
      const write: WriteAnswer<Part> = async (parts, bytes) => {
        const cut = () => void call.destroy();
        const taken = this.#serving.answerMemory.hold(bytes, cut);
        const slow = setTimeout(cut, WRITE_MS_MAX);
        const writing = parts.map(writePart);
        call.end();
        const failedAt = (await Promise.all(writing)).indexOf(false);
        clearTimeout(slow);
        taken();
        return failedAt < 0 ? parts.length : failedAt;
      };
      const run = async () => {
        const session = this.admitted(call);
        const waiting = { session, signal: cancelled.signal, deadlineMs: Number(call.getDeadline()) };
        await answer(this.#serving, call.request, waiting, write);
      };
      this.count(run().catch((error: unknown) => write([refusal(this.failed(error))], 0)));
    };
  }

  /** Counts what uses the broker, until it is done. */
  count(running: Promise<unknown>): void {
    this.#running.add(running);
    const done = () => void this.#running.delete(running);
    running.then(done, done);
  }
}
