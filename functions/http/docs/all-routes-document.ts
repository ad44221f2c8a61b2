import { createRoutes } from "../routes/all-routes.ts";
import type { RouteDependencies } from "../routes/route-dependencies.ts";
import { createOpenApiDocument } from "./openapi.ts";

/** The OpenAPI document of every server, as text, for the build. The routes are described, none is called: they need nothing. */
export const allRoutesDocument = async (): Promise<string> =>
  JSON.stringify(createOpenApiDocument(createRoutes({} as RouteDependencies)));
