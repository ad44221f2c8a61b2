import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { startDynamoDbServer } from "./dynamodb-server.ts";
import { startS3Server } from "./s3-server/s3-server.ts";

export interface AwsEndpoint {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** An empty DynamoDB and an empty S3 behind one address, as in stand-ins for AWS. `binary` is DynamoDB's. */
export async function startAwsEndpoint(binary: string): Promise<AwsEndpoint> {
  const [dynamodb, s3] = await Promise.all([startDynamoDbServer(binary), startS3Server()]);
  const server = createServer((incoming, outgoing) => {
    const target = incoming.headers["x-amz-target"] === undefined ? s3.endpoint : dynamodb.endpoint;
    const { method, headers } = incoming;
    const forwarded = httpRequest(new URL(incoming.url ?? "/", target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.once("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  server.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all([dynamodb.stop(), s3.stop()]);
    },
  };
}
