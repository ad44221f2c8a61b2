import { z } from "zod";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Operations";
const health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });

/** Health and readiness. */
export const operationRoutes = ({ broker }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/healthz",
    operationId: "health",
    tag,
    summary: "Tell whether the process serves",
    replies: { 200: { description: "It does.", schema: health, example: { status: "ok" } } },
    open: true,
    errors: [],
    handle: () => jsonReply(200, { status: "ok" }),
  }),
  defineRoute({
    method: "GET",
    path: "/readyz",
    operationId: "readiness",
    tag,
    summary: "Tell whether the store answers",
    replies: { 200: { description: "It does.", schema: health, example: { status: "ok" } } },
    open: true,
    errors: [],
    async handle() {
      await broker.listTopics({ limit: 1 });
      return jsonReply(200, { status: "ok" });
    },
  }),
];
