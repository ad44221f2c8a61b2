import type { Answer, CallInput, CallOptions, MethodOf, Path } from "./call.ts";
import { randomId } from "./random-id.ts";
import type { Transport } from "./transport.ts";

/** What every input may have, whatever the operation. */
interface AnyInput extends CallOptions {
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** The broker knows an `Idempotency-Key` for 24 hours. The last of them is for the way of a repeat. */
const KEY_MS = 23 * 3_600_000;

/** The operations of the HTTP API by their methods and paths. */
export class Api {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Makes a call. A POST carries an `Idempotency-Key`, so that it is done once, however often it is repeated. */
  call<P extends Path, M extends MethodOf<P>>(method: M, path: P, input: CallInput<P, M>): Promise<Answer<P, M>> {
    const { path: parameters = {}, query, body, signal, headers } = input as AnyInput;
    const once: Record<string, string> = method === "post" ? { "idempotency-key": randomId() } : {};
    for (const [name, value] of Object.entries(headers ?? {})) once[name.toLowerCase()] = value;
    const waiting = (body ?? query) as { readonly waitSeconds?: number } | undefined;
    return this.transport.call({
      method,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parameters[name]))),
      query,
      body,
      signal,
      headers: once,
      repeatableMs: KEY_MS,
      waitSeconds: waiting?.waitSeconds,
    });
  }
}
