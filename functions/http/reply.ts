import type { ErrorCodeName } from "../../core/errors.ts";

/** The answer of a handler, before the headers of every reply are added. */
export interface Reply {
  readonly status: number;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The code of a refusal, for the log. */
  readonly code?: ErrorCodeName;
  /** A part of the reply failed or was cut short and may succeed if requested again, so it is not kept for repeats. */
  readonly unfinished?: boolean;
  /** From it the route makes the reply again, for repeats of a request whose reply is too large to keep. */
  readonly outline?: string;
}

const JSON_HEADERS: Readonly<Record<string, string>> = { "Content-Type": "application/json" };

export const jsonReply = (status: number, value: unknown, headers?: Readonly<Record<string, string>>): Reply => ({
  status,
  body: JSON.stringify(value),
  headers: headers ? { ...JSON_HEADERS, ...headers } : JSON_HEADERS,
});

export const emptyReply = (status: number, headers?: Readonly<Record<string, string>>): Reply => ({
  status,
  body: null,
  headers,
});
