import type { Http2Server, IncomingHttpHeaders } from "node:http2";
import type { ConnectionInjector, Server, ServerCredentials } from "@grpc/grpc-js";

const TIMEOUT = "grpc-timeout";
/** In this library a timer of more milliseconds than 31 bits hold fires at once. */
const LONGEST = { H: 500, M: 30_000, S: 2_000_000, m: 99_999_999, u: 99_999_999, n: 99_999_999 } as const;

/**
 * Takes connections, also of clients with deadlines of more than 24 days: the Java client opens its stream for sixty years, which grpc-js takes
 * for a time that is over. To a call it is as good as one of weeks. The library reads the header before anything of ours is called, and has no
 * place for this.
 */
export function injectorOf(server: Server, credentials: ServerCredentials): ConnectionInjector {
  const injector = server.createConnectionInjector(credentials);
  const { http2Servers } = server as unknown as { readonly http2Servers: ReadonlyMap<Http2Server, unknown> };
  const made = [...http2Servers.keys()].at(-1);
  made?.prependListener("stream", (_stream: unknown, headers: IncomingHttpHeaders) => {
    const timeout = headers[TIMEOUT];
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(typeof timeout === "string" ? timeout : "") ?? [];
    const longest = LONGEST[unit as keyof typeof LONGEST];
    if (digits !== undefined && Number(digits) > longest) headers[TIMEOUT] = `${longest}${unit}`;
  });
  return injector;
}
