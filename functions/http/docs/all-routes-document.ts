import { createRoutes } from "../routes/all-routes.ts";
import type { RouteDependencies } from "../routes/route-dependencies.ts";
import { createOpenApiDocument } from "./openapi.ts";

/** The OpenAPI document of every server, as text, for the build. Routes are described but not called, so they need no dependencies. */
export const allRoutesDocument = async (): Promise<string> =>
  JSON.stringify(createOpenApiDocument(createRoutes({} as RouteDependencies)));
