import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterEach } from "vitest";

/** A server on loopback, stopped when its test ends. */
export interface Endpoint {
  readonly port: number;
  /** Connections there have been. */
  readonly connections: () => number;
  /** Resolves when no connection is open. */
  closed(): Promise<void>;
}

export interface ReceivedRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** What SNI named; over plain HTTP nothing. */
  readonly servername: string | false | null | undefined;
}

type Answer = (response: ServerResponse) => void;

/** An HTTP server that takes every request whole and then answers; with `tls` an HTTPS server. */
export async function startEndpoint(
  answer: Answer,
  options: { readonly tls?: { readonly key: string; readonly cert: string } } = {},
): Promise<Endpoint & { readonly requests: ReceivedRequest[] }> {
  const requests: ReceivedRequest[] = [];
  const onRequest = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url: path, headers } = request;
    const { servername } = request.socket as TLSSocket;
    requests.push({ method, path, headers, body: await buffer(request), servername });
    answer(response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void onRequest(request, response);
  const server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener);
  return { requests, ...(await listening(server)) };
}

/** A TCP server that does to each connection what `converse` does, byte by byte. */
export const startRawEndpoint = (converse: (socket: Socket) => void, host?: string, port?: number): Promise<Endpoint> =>
  listening(createTcpServer(converse), host, port);

/** Answers with these bytes once the head of the request is there. */
export const afterRequest =
  (...answers: readonly (string | Buffer)[]) =>
  (socket: Socket): void => {
    socket.once("data", () => {
      for (const bytes of answers) socket.write(bytes);
    });
  };

const stops: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())));

async function listening(server: Server, host = "127.0.0.1", port = 0): Promise<Endpoint> {
  const open = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    open.add(socket);
    // The other side goes away in the middle of things: that is what is tested.
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  });
  server.listen(port, host);
  await once(server, "listening");
  stops.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
    return once(server, "close");
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async closed() {
      await Promise.all([...open].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    },
  };
}
