/** A request from the runtime: the web's Request, and the runtime's own bindings. */
export interface RawRequest {
  readonly request: Request;
  readonly env: unknown;
}

/** How the app reads a request. Each runtime has its cheapest way. */
export interface Inbound {
  /** Path and query as they were sent, undecoded. */
  target(raw: RawRequest): string;
  /** `name` in lower case. Fields sent twice are joined by ", ". */
  header(raw: RawRequest, name: string): string | undefined;
  /** Every header, names in lower case. */
  headers(raw: RawRequest): Iterable<readonly [string, string]>;
  /**
   * The whole body; empty if there is none. `take` is called for each chunk and refuses if memory is short.
   * Errors: MESSAGE_BODY_TOO_LARGE beyond REQUEST_BYTES_MAX, SERVER_BUSY, BAD_REQUEST if the client stopped half-way.
   */
  body(raw: RawRequest, take: (bytes: number) => boolean): Promise<Buffer>;
  /** Aborts when the client goes away. Default: with the Request. */
  disconnected?(raw: RawRequest): AbortSignal;
  /** The connection's HTTP version, as in "1.1", and its local address, if the runtime knows them. */
  connection?(raw: RawRequest): { readonly httpVersion: string; readonly localAddress: string | undefined };
  /** For the log: the sender, and the runtime's name for the request. */
  logFields?(raw: RawRequest): Readonly<Record<string, string | undefined>>;
}
