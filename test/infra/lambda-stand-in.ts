import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LambdaClient } from "@aws-sdk/client-lambda";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

export interface StandInFunction {
  live: number;
  /** Environments of the versions 1, 2 and so on. */
  readonly versions: readonly Readonly<Record<string, string>>[];
  reserved?: number;
}

/** The part of Lambda's HTTP API that this project's tools use, over functions that tests make up. */
export interface LambdaStandIn {
  readonly lambda: LambdaClient;
  readonly functions: Record<string, StandInFunction>;
  readonly account: { ConcurrentExecutions: number; UnreservedConcurrentExecutions: number };
  /** Answers nothing any more. */
  silent: boolean;
  /** Fails the next change of an alias of a function of this name. */
  failOnce: string | undefined;
  close(): Promise<void>;
}

const PAGE = 2;

export async function startLambdaStandIn(): Promise<LambdaStandIn> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const lambda = new LambdaClient({
    region: "eu-central-1",
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  const standIn: LambdaStandIn = {
    lambda,
    functions: {},
    account: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 1_000 },
    silent: false,
    failOnce: undefined,
    close: () => {
      lambda.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (standIn.silent) return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const send = (status: number, body: object, error?: string) =>
      response
        .writeHead(status, { "content-type": "application/json", ...(error && { "x-amzn-ErrorType": error }) })
        .end(JSON.stringify(body));
    const { pathname, searchParams } = new URL(request.url ?? "", "http://lambda");
    const [, , , name = "", what, alias] = pathname.split("/");
    if (pathname === "/2016-08-19/account-settings") return void send(200, { AccountLimit: standIn.account });
    const found = standIn.functions[name];
    if (!found) return void send(404, { Message: `Function not found: ${name}` }, "ResourceNotFoundException");
    if (what === "concurrency") return void send(200, { ReservedConcurrentExecutions: found.reserved });
    if (what === "versions") return void send(200, pageOf(found, Number(searchParams.get("Marker") ?? 0)));
    if (what !== "aliases" || alias !== "live") return void send(400, {}, "InvalidParameterValueException");
    if (request.method === "PUT") {
      if (standIn.failOnce === name) {
        standIn.failOnce = undefined;
        return void send(503, { Message: "try again" }, "ServiceException");
      }
      const { FunctionVersion, RevisionId } = JSON.parse(Buffer.concat(chunks).toString());
      if (RevisionId !== revisionOf(found)) return void send(412, { Message: "moved" }, "PreconditionFailedException");
      found.live = Number(FunctionVersion);
    }
    send(200, { Name: "live", FunctionVersion: String(found.live), RevisionId: revisionOf(found) });
  }
  return standIn;
}

const revisionOf = ({ live }: StandInFunction): string => `revision-of-${live}`;

/** A page of two, behind `$LATEST` on the first. */
function pageOf({ versions }: StandInFunction, from: number): object {
  const all = [versions.at(-1) ?? {}, ...versions].map((Variables, number) => ({
    Version: number === 0 ? "$LATEST" : String(number),
    LastModified: `2026-11-${10 + number}T12:00:00.000+0000`,
    Environment: { Variables },
  }));
  const NextMarker = from + PAGE < all.length ? String(from + PAGE) : undefined;
  return { Versions: all.slice(from, from + PAGE), NextMarker };
}
