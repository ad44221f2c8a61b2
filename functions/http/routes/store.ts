import { z } from "zod";
import type { StoreFormats } from "../../../core/store/store-format.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { count } from "../schemas/shared.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Operations";
const format = count();
const store = z
  .object({
    format: format.meta({ description: "Format of the stored data." }),
    writes: format.meta({
      description: "What the server that answered writes: the format it found when it started, or raised it to.",
    }),
    newest: format.meta({ description: "The newest format this version knows." }),
  })
  .meta({ id: "Store" });

const storeExample = { format: 2, writes: 2, newest: 2 };

const storeJson = ({ stored, written, newest }: StoreFormats) => ({ format: stored, writes: written, newest });

/** The store's format, and the step that raises it. */
export const storeRoutes = ({ broker }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/store",
    operationId: "getStore",
    tag,
    summary: "Read which format the stored data has",
    replies: { 200: { description: "The formats.", schema: store, example: storeExample } },
    errors: [],
    handle: async () => jsonReply(200, storeJson(await broker.storeFormat())),
  }),
  defineRoute({
    method: "POST",
    path: "/v1/store/raise",
    operationId: "raiseStore",
    tag,
    summary: "Raise the stored data to the newest format, once no older version runs any more",
    replies: { 200: { description: "The formats after it.", schema: store, example: storeExample } },
    errors: [],
    handle: async () => jsonReply(200, storeJson(await broker.raiseFormat())),
  }),
];
