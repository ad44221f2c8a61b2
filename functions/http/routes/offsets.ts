import type { OffsetReset } from "../../../core/admin/reset-offsets.ts";
import { badField } from "../../../core/errors.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  type OffsetResetBody,
  offsetReset,
  offsetResetExample,
  offsetResetReply,
  offsetResetReplyExample,
} from "../schemas/offsets.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

/** `timestamp` and `offset` are given exactly with the `to` that names them. */
function targetOf({ to, timestamp, boundary, offset }: OffsetResetBody): OffsetReset["to"] {
  for (const [name, value] of Object.entries({ timestamp, offset })) {
    if ((to === name) === (value !== undefined)) continue;
    const field = `/${name}`;
    const detail = to === name ? `Must be given with to "${name}".` : `Is only for to "${name}".`;
    throw badField(field, detail);
  }
  if (boundary !== undefined && to !== "timestamp") throw badField("/boundary", 'Is only for to "timestamp".');
  if (timestamp !== undefined) return { timestampMs: timestamp, boundary };
  if (offset !== undefined) return { offset };
  return to === "earliest" ? "earliest" : "latest";
}

export const offsetRoutes = ({ broker }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "POST",
    path: "/v1/groups/{group}/offsets/reset",
    operationId: "resetOffsets",
    tag: "Lag and offsets",
    summary: "Move a group to other offsets of a topic",
    description:
      "Handles given out before are void. `latest` drops what waits and what is in flight; anything before delivers messages again.",
    body: { kind: "json", schema: offsetReset, example: offsetResetExample },
    replies: {
      200: { description: "Each queue's offset before and after.", schema: offsetResetReply, example: offsetResetReplyExample },
    },
    errors: [
      "CONSUMER_GROUP_NOT_FOUND",
      "ILLEGAL_CONSUMER_GROUP",
      "ILLEGAL_TOPIC",
      "NOT_FOUND",
      "OFFSET_ILLEGAL",
      "TOO_MANY_REQUESTS",
      "TOPIC_NOT_FOUND",
    ],
    async handle({ parameters, body }) {
      const { topic, queueId, dryRun = false } = body;
      const queues = await broker.resetOffsets(parameters.group, { topic, queueId, to: targetOf(body), dryRun });
      return jsonReply(200, {
        queues: queues.map(({ queueId: id, before, after }) => ({ queueId: id, before: String(before), after: String(after) })),
      });
    },
  }),
];
