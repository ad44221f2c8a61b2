import type { Answer, CallInput, CallOptions, MethodOf, Path } from "./call.ts";
import type { Transport } from "./transport.ts";

/** What every input may have, whatever the operation. */
interface AnyInput extends CallOptions {
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** The operations of the HTTP API by their methods and paths. */
export class Api {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Makes a call. A POST carries an `Idempotency-Key`, so that it is done once, however often it is repeated. */
  call<P extends Path, M extends MethodOf<P>>(method: M, path: P, input: CallInput<P, M>): Promise<Answer<P, M>> {
    const { path: parameters = {}, query, body, signal, headers } = input as AnyInput;
    const once = method === "post" ? { "idempotency-key": crypto.randomUUID() } : {};
    const waiting = (body ?? query) as { readonly waitSeconds?: number } | undefined;
    return this.transport.call({
      method,
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parameters[name]))),
      query,
      body,
      signal,
      headers: { ...once, ...headers },
      isRepeatable: true,
      waitSeconds: waiting?.waitSeconds,
    });
  }
}
