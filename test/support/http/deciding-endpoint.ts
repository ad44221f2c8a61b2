import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** The settings that let webhooks reach it. */
export const LOOPBACK_WEBHOOKS = { WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8", WEBHOOK_ALLOW_HTTP: "true" };

export interface DecidingEndpoint {
  readonly url: string;
  /** Ids of the transactions it was asked about. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** A producer's endpoint on loopback, which commits every transaction that it is asked about. */
export async function startDecidingEndpoint(): Promise<DecidingEndpoint> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const { data } = (await json(request)) as { data: { transactionId: string } };
    asked.push(data.transactionId);
    response.end('{"resolution":"commit"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/checks`,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
