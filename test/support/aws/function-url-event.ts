import { randomUUID } from "node:crypto";
import type { APIGatewayProxyEventV2 } from "aws-lambda";

/** The types of bodies that Lambda passes as text. Any other body comes in base64. */
const TEXT_TYPE = /^(?:text\/|application\/(?:json|xml|javascript)\b)/i;

/** A request as the event of a function URL: `target` undecoded, names of headers in lower case. */
export function functionUrlEvent(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body: Buffer = Buffer.alloc(0),
): APIGatewayProxyEventV2 {
  const [rawPath = "/", rawQueryString = ""] = target.split(/\?(.*)/s);
  const isBase64Encoded = body.length > 0 && !TEXT_TYPE.test(headers["content-type"] ?? "");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    headers: { ...headers },
    requestContext: {
      accountId: "anonymous",
      apiId: "function",
      domainName: "function.lambda-url.eu-central-1.on.aws",
      domainPrefix: "function",
      http: { method, path: rawPath, protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: "",
      timeEpoch: 0,
    },
    ...(body.length > 0 ? { body: body.toString(isBase64Encoded ? "base64" : "utf8") } : {}),
    isBase64Encoded,
  };
}
