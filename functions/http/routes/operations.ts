import { z } from "zod";
import { BrokerError } from "../../../core/errors.ts";
import type { RouteDependencies } from "../app.ts";
import { DOCS_HEADERS, renderDocsPage } from "../docs-page.ts";
import { createOpenApiDocument, type OpenApiDocument } from "../openapi.ts";
import { ERROR_SLUGS } from "../problem.ts";
import { emptyReply, jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";

const tag = "Operations";
const health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });
const apiDocument = z
  .looseObject({ openapi: z.string() })
  .meta({ id: "ApiDocument", description: "As the OpenAPI Specification has it." });

/** Health, readiness and documentation, at the root. The documentation covers `routes` and these. */
export function operationRoutes({ broker }: RouteDependencies, routes: readonly Route[]): readonly Route[] {
  let document: OpenApiDocument | undefined;
  const openApi = () => {
    document ??= createOpenApiDocument([...routes, ...own]);
    return document;
  };
  const own: readonly Route[] = [...healthRoutes(broker), ...docsRoutes(openApi)];
  return own;
}

const healthRoutes = (broker: RouteDependencies["broker"]): Route[] => [
  defineRoute({
    method: "GET",
    path: "/healthz",
    operationId: "health",
    tag,
    summary: "Tell whether the process serves",
    open: true,
    replies: { 200: { description: "It does.", schema: health, example: { status: "ok" } } },
    errors: [],
    handle: () => jsonReply(200, { status: "ok" }),
  }),
  defineRoute({
    method: "GET",
    path: "/readyz",
    operationId: "readiness",
    tag,
    summary: "Tell whether the store answers",
    open: true,
    replies: { 200: { description: "It does.", schema: health, example: { status: "ok" } } },
    errors: [],
    async handle() {
      await broker.listTopics({ limit: 1 });
      return jsonReply(200, { status: "ok" });
    },
  }),
];

const docsRoutes = (openApi: () => OpenApiDocument): Route[] => [
  defineRoute({
    method: "GET",
    path: "/openapi.json",
    operationId: "openApi",
    tag,
    summary: "Read this API as an OpenAPI 3.1 document",
    open: true,
    replies: { 200: { description: "The document.", schema: apiDocument, example: { openapi: "3.1.0" } } },
    errors: [],
    handle: () => jsonReply(200, openApi()),
  }),
  defineRoute({
    method: "GET",
    path: "/docs",
    operationId: "docs",
    tag,
    summary: "Read this API as a page",
    open: true,
    replies: { 200: { description: "The page.", schema: z.string(), contentType: "text/html", example: "<!doctype html>…" } },
    errors: [],
    handle: () => ({ status: 200, body: renderDocsPage(openApi()), headers: DOCS_HEADERS }),
  }),
  defineRoute({
    method: "GET",
    path: "/errors/{code}",
    operationId: "explainError",
    tag,
    summary: "Go to the explanation of an error, the `type` of its problem document",
    open: true,
    replies: { 302: { description: "To its place in the documentation.", headers: { Location: "Where it is." } } },
    errors: ["NOT_FOUND"],
    handle({ parameters }) {
      if (!ERROR_SLUGS.has(parameters.code)) throw new BrokerError("NOT_FOUND", "There is no such error. See /docs#errors.");
      return emptyReply(302, { Location: `/docs#errors-${parameters.code}` });
    },
  }),
];
