import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { ApiFunction } from "../../../functions/lambda/api-function.ts";
import { functionUrlEvent } from "./function-url-event.ts";

/** The limit of an invocation payload, and of a result, as JSON. */
const PAYLOAD_BYTES_MAX = 6_291_556;
const TIMEOUT_MS = 30_000;

export interface FunctionUrlServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A request as an event, once its body has arrived. */
async function eventOf(request: IncomingMessage): Promise<APIGatewayProxyEventV2> {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
  const body = await buffer(request);
  return functionUrlEvent(request.method ?? "GET", request.url ?? "/", Object.fromEntries(headers), body);
}

/** A function URL on loopback: requests become events, results become answers, each through JSON as on the way to Lambda. */
export function serveFunctionUrl(api: ApiFunction): Promise<FunctionUrlServer> {
  const server = createServer(async (request, response) => {
    try {
      const event = await eventOf(request);
      const deadlineMs = Date.now() + TIMEOUT_MS;
      const context = { awsRequestId: randomUUID(), getRemainingTimeInMillis: () => deadlineMs - Date.now() };
      const payload = JSON.stringify(await api.handler(JSON.parse(JSON.stringify(event)), context));
      if (Buffer.byteLength(payload) > PAYLOAD_BYTES_MAX) throw new Error(`the result has ${payload.length} bytes`);
      const result = JSON.parse(payload) as Awaited<ReturnType<ApiFunction["handler"]>>;
      response.writeHead(result.statusCode ?? 200, result.headers as Record<string, string>);
      response.end(Buffer.from(result.body ?? "", result.isBase64Encoded ? "base64" : "utf8"));
    } catch (error) {
      // Lambda's answer for a failed function. The tests accept no 502.
      response.writeHead(502, { "Content-Type": "text/plain" }).end(String(error));
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const close = () =>
        new Promise<void>((done) => {
          server.close(() => done());
          server.closeAllConnections();
        });
      resolve({ url: `http://127.0.0.1:${port}`, close });
    });
  });
}
