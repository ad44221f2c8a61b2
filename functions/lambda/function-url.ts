import { isUtf8 } from "node:buffer";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { BrokerError } from "../../core/errors.ts";
import { BodyCollector } from "../http/body-collector.ts";
import type { Inbound, RawRequest } from "../http/inbound.ts";

/** The bindings of a Request: the event that it stands for. */
export interface FunctionUrlBindings {
  readonly event: APIGatewayProxyEventV2;
  readonly context: Pick<Context, "awsRequestId">;
}

const bindingsOf = (raw: RawRequest): FunctionUrlBindings => raw.env as FunctionUrlBindings;

const NOT_ASCII = /[\u0080-\uffff]/;
const MORE_THAN_A_BYTE = /[\u0100-\uffff]/;

/** A header in HTTP's form, one character per byte, even if it was decoded as UTF-8 on the way. */
const asBytes = (value: string): string =>
  NOT_ASCII.test(value) && isText(value) ? Buffer.from(value).toString("latin1") : value;

/** Whether a value is decoded text, not one character per byte of UTF-8: a character exceeds a byte, or the bytes are not UTF-8. */
const isText = (value: string): boolean => MORE_THAN_A_BYTE.test(value) || !isUtf8(Buffer.from(value, "latin1"));

/**
 * Reads a request from a function URL's event (payload format 2.0), whose header names are in lower case and whose path and query are
 * as sent. hono/aws-lambda uses a URL and Headers instead, which rewrite dot segments and non-ASCII values.
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
    // A body that is declared as text arrives as text: bytes of it that were not UTF-8 are already lost.
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

/** The Request that stands for an event. It has the event's method and the signal; everything else is read from the event. */
export function requestOf(event: APIGatewayProxyEventV2, signal: AbortSignal): Request {
  const request = new Request("https://function-url/", { signal });
  // A Request cannot be constructed with TRACE, which the app must answer like any other unknown method.
  return Object.defineProperty(request, "method", { value: event.requestContext.http.method });
}

const TEXT = /^(?:text\/|application\/(?:[\w.+-]*\+)?json\b)/i;

/** An answer in Lambda's form; none sets a cookie. Text is not encoded: base64 would cost a third of the size that Lambda allows. */
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
