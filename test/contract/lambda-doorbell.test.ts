import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { LambdaDoorbell } from "../../adapters/aws/lambda-doorbell.ts";
import { freePort } from "../support/server/server-process.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const SECRET = "a-secret-that-signs";
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Lambda's invocations on loopback, and what has come in. */
async function startLambda(answer: (response: ServerResponse, count: number) => void) {
  const requests: { line: string; type: unknown; body: string }[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const body = (await buffer(request)).toString();
    requests.push({ line: `${request.method} ${request.url}`, type: request.headers["x-amz-invocation-type"], body });
    answer(response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function doorbellAt(endpoint: string, options: { functionName?: string; timeoutMs?: number } = {}) {
  const failures: string[] = [];
  const doorbell = new LambdaDoorbell({
    functionName: "scanner",
    region: "eu-west-1",
    endpoint,
    credentials: { accessKeyId: "test", secretAccessKey: SECRET },
    onFailure: ({ message }) => void failures.push(message),
    ...options,
  });
  return { doorbell, failures };
}

const accepted = (response: ServerResponse) => void response.writeHead(202).end();
const refused = (status: number, type: string) => (response: ServerResponse) =>
  void response.writeHead(status, { "X-Amzn-ErrorType": type }).end(JSON.stringify({ message: `signed with ${SECRET}` }));

describe("the doorbell of a function", () => {
  it("invokes it, and does not wait for its run", async () => {
    const { endpoint, requests } = await startLambda(accepted);
    const { doorbell, failures } = doorbellAt(endpoint);
    for (let rings = 0; rings < 2; rings++) await doorbell.ring();
    const ring = { line: "POST /2015-03-31/functions/scanner/invocations", type: "Event", body: "{}" };
    expect(requests).toEqual([ring, ring]);
    expect(failures).toEqual([]);
  });

  it("knows it by its ARN too", async () => {
    const { endpoint, requests } = await startLambda(accepted);
    await doorbellAt(endpoint, { functionName: "arn:aws:lambda:eu-west-1:123456789012:function:scanner" }).doorbell.ring();
    const [{ line } = { line: "" }] = requests;
    expect(decodeURIComponent(line)).toContain("/functions/arn:aws:lambda:eu-west-1:123456789012:function:scanner/");
  });

  it("tries once more where Lambda is busy", async () => {
    const { endpoint, requests } = await startLambda((response, count) =>
      count === 1 ? refused(429, "TooManyRequestsException")(response) : accepted(response),
    );
    const { doorbell, failures } = doorbellAt(endpoint);
    await doorbell.ring();
    expect(requests).toHaveLength(2);
    expect(failures).toEqual([]);
  });

  it.each([
    ["is forbidden", 403, "AccessDeniedException"],
    ["names no function", 404, "ResourceNotFoundException"],
    ["meets a fault", 500, "ServiceException"],
  ])("that %s tells why, without what the answer says, and goes on", async (_, status, type) => {
    const { endpoint } = await startLambda(refused(status, type));
    const { doorbell, failures } = doorbellAt(endpoint);
    await doorbell.ring();
    await doorbell.ring();
    const failure = `function scanner was not invoked: ${type} (${status})`;
    expect(failures).toEqual([failure, failure]);
  });

  it("gives up soon where nobody answers", async () => {
    const { endpoint } = await startLambda(() => undefined);
    const { doorbell, failures } = doorbellAt(endpoint, { timeoutMs: 100 });
    await doorbell.ring();
    expect(failures).toEqual(["function scanner was not invoked: no answer within 100 ms"]);
  });

  it("gives up where nobody listens", async () => {
    const { doorbell, failures } = doorbellAt(`http://127.0.0.1:${await freePort()}`);
    await doorbell.ring();
    expect(failures).toEqual(["function scanner was not invoked: ECONNREFUSED"]);
  });
});
