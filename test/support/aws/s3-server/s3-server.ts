import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { refused, type S3Answer, S3Refusal } from "./s3-answer.ts";
import { S3Requests } from "./s3-requests.ts";

export interface S3Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** An empty S3 in this process, on a free port of the loopback interface. It checks that requests are signed, but not by whom. */
export async function startS3Server(): Promise<S3Server> {
  const requests = new S3Requests();
  const server = createServer((incoming, outgoing) => {
    void bodyOf(incoming).then(
      (body) => {
        const { status, headers, body: answered = Buffer.alloc(0) } = answer(requests, incoming, body);
        outgoing.writeHead(status, { "content-length": answered.length, ...headers });
        outgoing.end(answered);
      },
      // The client went away while it was sending: nothing is stored.
      () => outgoing.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(requests: S3Requests, { method = "GET", url = "/", headers }: IncomingMessage, body: Buffer): S3Answer {
  try {
    return requests.answer({ method, url, headers, body });
  } catch (error) {
    if (error instanceof S3Refusal) return refused(error);
    throw error;
  }
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
