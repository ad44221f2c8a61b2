import { notAvailableYet } from "../../../core/errors.ts";
import { knownByRequest } from "../idempotency-key.ts";
import { emptyReply, jsonReply } from "../reply.ts";
import { defineRoute, type Route, type RouteRequest } from "../route.ts";
import { PUBLISH_HEADERS } from "../schemas/headers.ts";
import { sendReceipt, sendReceiptExample } from "../schemas/messages.ts";
import { receiptJson, SEND_ERRORS, sendOne } from "./messages.ts";
import { readPublishHeaders } from "./publish-headers.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const RETURN_MINIMAL = /(?:^|,)\s*return\s*=\s*"?minimal"?\s*(?:$|[,;])/i;
const CLOUD_EVENTS = /^\s*application\/cloudevents/i;

export const publishRoutes = ({ broker, background }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "POST",
    path: "/v1/topics/{topic}/publish",
    operationId: "publishMessage",
    tag: "Send",
    summary: "Send the bytes of the request as one message",
    description:
      "Whatever their type. Each header `X-MQ-Property-{name}` is a property, its name in lower case. With `Prefer: return=minimal` the answer comes before the message is stored, and it may be lost.",
    headers: PUBLISH_HEADERS,
    body: { kind: "bytes", example: "order 45 was created" },
    replies: {
      201: { description: "Stored.", schema: sendReceipt, example: sendReceiptExample },
      202: { description: "Accepted, for `Prefer: return=minimal`.", headers: { "Preference-Applied": "return=minimal" } },
    },
    errors: SEND_ERRORS,
    async handle(request: RouteRequest<"topic", undefined, Buffer>) {
      const { topic } = request.parameters;
      if (CLOUD_EVENTS.test(request.header("content-type") ?? "")) throw notAvailableYet("CloudEvents");
      const input = knownByRequest({ ...readPublishHeaders(request.headers()), body: request.body }, request.identity);
      if (!RETURN_MINIMAL.test(request.header("prefer") ?? "")) {
        return jsonReply(201, receiptJson(await sendOne(broker, topic, input), topic));
      }
      // A misspelt topic is reported, whatever happens afterwards.
      await broker.getTopic(topic);
      background.start(input.body.length, async () => void (await sendOne(broker, topic, input)));
      return emptyReply(202, { "Content-Length": "0", "Preference-Applied": "return=minimal" });
    },
  }),
];
