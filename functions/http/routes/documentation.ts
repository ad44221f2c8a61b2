import { z } from "zod";
import { docsFiles } from "#docs-files";
import { BrokerError } from "../../../core/errors.ts";
import { docsPageReply } from "../docs/docs-page.ts";
import { ERRORS_PAGE_REPLY } from "../docs/errors-page.ts";
import { fileReply } from "../docs/packed-file.ts";
import { ERROR_SLUGS } from "../problem.ts";
import { emptyReply, jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { IF_NONE_MATCH } from "../schemas/headers.ts";

const tag = "Operations";
const apiDocument = z
  .looseObject({ openapi: z.string() })
  .meta({ id: "ApiDocument", description: "As the OpenAPI Specification has it." });
const PLACES = { name: "Apogee", docs: "/docs", openapi: "/openapi.json", errors: "/errors" } as const;
const places = z
  .object({ name: z.string(), docs: z.string(), openapi: z.string(), errors: z.string() })
  .meta({ id: "DocumentationPlaces" });
const SAME = { 304: { description: "As the client has it." } } as const;
/** A name with a digest always stands for the same content. */
const FOR_EVER = "public, max-age=31536000, immutable";

const pageRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/",
    operationId: "root",
    tag,
    summary: "Learn where the documentation is",
    description: "A browser is sent to it.",
    replies: {
      200: {
        description: "Where it is.",
        schema: places,
        example: PLACES,
      },
      303: { description: "To the documentation.", headers: { Location: "Where it is." } },
    },
    open: true,
    errors: [],
    handle({ header }) {
      const Vary = "Accept";
      if (header("accept")?.includes("text/html")) return emptyReply(303, { Location: "/docs", Vary });
      return jsonReply(200, PLACES, { Vary });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/docs",
    operationId: "docs",
    tag,
    summary: "Read and try this API on a page",
    replies: { 200: { description: "The page.", schema: z.string(), contentType: "text/html", example: "<!doctype html>…" } },
    open: true,
    errors: [],
    handle: async () => docsPageReply(await docsFiles.renderer()),
  }),
  defineRoute({
    method: "GET",
    path: "/errors",
    operationId: "errors",
    tag,
    summary: "Read about every error on a page",
    replies: { 200: { description: "The page.", schema: z.string(), contentType: "text/html", example: "<!doctype html>…" } },
    open: true,
    errors: [],
    handle: () => ERRORS_PAGE_REPLY,
  }),
  defineRoute({
    method: "GET",
    path: "/errors/{code}",
    operationId: "explainError",
    tag,
    summary: "Go to the explanation of an error, the `type` of its problem document",
    replies: { 302: { description: "To its place on the page.", headers: { Location: "Where it is." } } },
    open: true,
    errors: ["NOT_FOUND"],
    handle({ parameters: { code } }) {
      if (!ERROR_SLUGS.has(code)) throw new BrokerError("NOT_FOUND", "There is no such error. See /errors.");
      return emptyReply(302, { Location: `/errors#${code}` });
    },
  }),
];

/**
 * The pages that need no key on a server with a key: small pages that are the same on every server. The document and the renderer are
 * large. An operator who pays for every byte should not have to send them to strangers.
 */
export const OPEN_DOCUMENTATION_PATHS: readonly string[] = pageRoutes.map(({ path }) => path);

const fileRoutes = (routes: () => readonly Route[]): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/openapi.json",
    operationId: "openApi",
    tag,
    summary: "Read this API as an OpenAPI 3.1 document",
    headers: IF_NONE_MATCH,
    replies: { 200: { description: "The document.", schema: apiDocument, example: { openapi: "3.1.0" } }, ...SAME },
    errors: [],
    handle: async ({ header }) => fileReply(await docsFiles.openApi(routes()), header, "no-cache"),
  }),
  defineRoute({
    method: "GET",
    path: "/docs/{file}",
    operationId: "docsFile",
    tag,
    summary: "Read a file of the page",
    headers: IF_NONE_MATCH,
    replies: { 200: { description: "The file.", schema: z.string(), contentType: "text/javascript", example: "…" }, ...SAME },
    errors: ["NOT_FOUND"],
    async handle({ header, parameters }) {
      const { name, file } = await docsFiles.renderer();
      if (parameters.file !== name) throw new BrokerError("NOT_FOUND", "There is no such file. See /docs.");
      return fileReply(file, header, FOR_EVER);
    },
  }),
];

/** The documentation of `routes` and of these routes. */
export function documentationRoutes(routes: readonly Route[]): readonly Route[] {
  const own: readonly Route[] = [...pageRoutes, ...fileRoutes(() => [...routes, ...own])];
  return own;
}
