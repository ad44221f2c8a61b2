import { isUtf8 } from "node:buffer";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { BrokerError } from "../../core/errors.ts";
import { BodyCollector } from "../http/body-collector.ts";
import type { Inbound, RawRequest } from "../http/inbound.ts";

/** What the app gets beside the Request: the event it stands for. */
export interface FunctionUrlBindings {
  readonly event: APIGatewayProxyEventV2;
  readonly context: Pick<Context, "awsRequestId">;
}

const bindingsOf = (raw: RawRequest): FunctionUrlBindings => raw.env as FunctionUrlBindings;

const NOT_ASCII = /[\u0080-\uffff]/;
const MORE_THAN_A_BYTE = /[\u0100-\uffff]/;

/** Headers as HTTP has them, a character for each byte, also those that were read as UTF-8 on the way. */
const asBytes = (value: string): string =>
  NOT_ASCII.test(value) && isText(value) ? Buffer.from(value).toString("latin1") : value;

/** It cannot be bytes of UTF-8, a character for each: one is more than a byte, or they are none together. */
const isText = (value: string): boolean => MORE_THAN_A_BYTE.test(value) || !isUtf8(Buffer.from(value, "latin1"));

/**
 * Reads a request from a function URL's event (payload format 2.0), whose names of headers are in lower case and whose path and
 * query are as they were sent. hono/aws-lambda goes through a URL and Headers, which rewrite dot segments and non-ASCII values.
 */
export const functionUrlInbound: Inbound = {
  target(raw) {
    const { rawPath, rawQueryString } = bindingsOf(raw).event;
    return rawQueryString === "" ? rawPath : `${rawPath}?${rawQueryString}`;
  },

  header(raw, name) {
    const value = bindingsOf(raw).event.headers[name];
    return value === undefined ? undefined : asBytes(value);
  },

  headers: (raw) =>
    Object.entries(bindingsOf(raw).event.headers).map(([name, value]) => [name.toLowerCase(), asBytes(value ?? "")] as const),

  async body(raw, take) {
    const { body = "", isBase64Encoded, headers } = bindingsOf(raw).event;
    const bytes = Buffer.from(body, isBase64Encoded ? "base64" : "utf8");
    const declaredBytes = Number(headers["content-length"] ?? Number.NaN);
    // What is declared as text is handed over as text, and what was no UTF-8 in it is lost by then.
    if (!isBase64Encoded && declaredBytes >= 0 && declaredBytes !== bytes.length) {
      throw new BrokerError("BAD_REQUEST", "The body is not UTF-8. Send bytes with Content-Type: application/octet-stream.");
    }
    const collector = new BodyCollector(declaredBytes, take);
    if (bytes.length > 0) collector.add(bytes);
    return collector.finish();
  },

  logFields(raw) {
    const { event, context } = bindingsOf(raw);
    return { lambdaRequestId: context.awsRequestId, address: event.requestContext.http.sourceIp };
  },
};

/** The Request that stands for an event: its method and its signal. All else is read from the event. */
export function requestOf(event: APIGatewayProxyEventV2, signal: AbortSignal): Request {
  const request = new Request("https://function-url/", { signal });
  // A Request refuses to be made with TRACE, which the app answers like any other method it does not have.
  return Object.defineProperty(request, "method", { value: event.requestContext.http.method });
}

const TEXT = /^(?:text\/|application\/(?:[\w.+-]*\+)?json\b)/i;

/** An answer as Lambda takes it; none sets a cookie. Text goes as it is: base64 would cost a third of the size that Lambda allows. */
export async function resultOf(response: Response): Promise<APIGatewayProxyStructuredResultV2> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const packed = response.headers.has("content-encoding");
  const text = bytes.length === 0 || (!packed && TEXT.test(response.headers.get("content-type") ?? ""));
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    body: bytes.toString(text ? "utf8" : "base64"),
    isBase64Encoded: !text,
  };
}
