/** A request as the runtime hands it over: the web's Request, and the runtime's own bindings. */
export interface RawRequest {
  readonly request: Request;
  readonly env: unknown;
}

/** How the app reads a request, so that each runtime can do it in its cheapest way. */
export interface Inbound {
  /** Path and query as they were sent, undecoded. */
  target(raw: RawRequest): string;
  /** `name` in lower case. Fields sent twice are joined by ", ". */
  header(raw: RawRequest, name: string): string | undefined;
  /** Every header, names in lower case. */
  headers(raw: RawRequest): Iterable<readonly [string, string]>;
  /**
   * The whole body; empty when there is none. `take` is asked for each chunk and refuses when memory is short.
   * Errors: MESSAGE_BODY_TOO_LARGE beyond REQUEST_BYTES_MAX, SERVER_BUSY, BAD_REQUEST when the client stopped half-way.
   */
  body(raw: RawRequest, take: (bytes: number) => boolean): Promise<Buffer>;
  /** Aborts when the client goes away. Default: with the Request. */
  disconnected?(raw: RawRequest): AbortSignal;
  /** Of the connection, where the runtime knows it: as in "1.1", and the address of this machine that it came in at. */
  connection?(raw: RawRequest): { readonly httpVersion: string; readonly localAddress: string | undefined };
  /** Who sent it, and what the runtime itself calls it: for the log. */
  logFields?(raw: RawRequest): Readonly<Record<string, string | undefined>>;
}
