import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ProxiedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request in the proxy, as a fault handles it. */
export interface Exchange {
  readonly request: ProxiedRequest;
  /** Sends the request to the server, and answers its answer. The client has not got it. */
  forward(request?: ProxiedRequest): Promise<ProxiedAnswer>;
  /** Sends the client an answer, or its first `bytes` before breaking the connection. */
  answer(answer: ProxiedAnswer, bytes?: number): void;
  /** Breaks the connection without an answer. */
  drop(): void;
}

export type Fault = (exchange: Exchange) => void | Promise<void>;

export interface FaultProxy {
  readonly endpoint: string;
  /** The requests that have arrived, the oldest first. */
  readonly requests: readonly ProxiedRequest[];
  /** The next requests meet these faults, one each. Later requests pass. */
  inject(...faults: readonly Fault[]): void;
  close(): Promise<void>;
}

/** A server on the loopback interface that passes requests on to another, unless they meet a fault. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const requests: ProxiedRequest[] = [];
  const faults: Fault[] = [];
  const server = createServer((incoming, outgoing) => {
    void bodyOf(incoming).then(
      async (body) => {
        const { method = "GET", url: path = "/", headers } = incoming;
        const proxied = { method, path, headers, body };
        requests.push(proxied);
        const exchange = exchangeOf(proxied, outgoing, target, agent);
        await (faults.shift() ?? passOn)(exchange);
      },
      // The client went away while it was sending.
      () => outgoing.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    inject: (...injected) => void faults.push(...injected),
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const passOn: Fault = async ({ forward, answer, drop }) => {
  try {
    answer(await forward());
  } catch {
    drop();
  }
};

function exchangeOf(proxied: ProxiedRequest, outgoing: ServerResponse, target: string, agent: Agent): Exchange {
  return {
    request: proxied,
    forward: (changed = proxied) => forward(changed, target, agent),
    answer({ status, headers, body }, bytes = body.length) {
      outgoing.writeHead(status, { ...headers, "content-length": body.length });
      if (bytes === body.length) outgoing.end(body);
      else outgoing.write(body.subarray(0, bytes), () => outgoing.destroy());
    },
    drop: () => void outgoing.destroy(),
  };
}

function forward({ method, path, headers, body }: ProxiedRequest, target: string, agent: Agent): Promise<ProxiedAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${target}${path}`, {
      method,
      agent,
      headers: { ...headers, "content-length": body.length },
    });
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      bodyOf(incoming).then(
        (answered) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: answered }),
        reject,
      );
    });
    outgoing.end(body);
  });
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
