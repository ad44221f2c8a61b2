import type { Hono } from "hono";
import type { Broker } from "../../core/broker.ts";
import { BrokerError } from "../../core/errors.ts";
import { nearness } from "../../core/names.ts";
import type { Refusal } from "./answer.ts";
import type { Route } from "./route.ts";
import { decodeComponent } from "./target.ts";

/** A path with more characters or segments is not compared with the routes. */
const PATH_CHARS_MAX = 256;
const SEGMENTS_MAX = 10;

type Place = Pick<Route, "method" | "path">;

/** The refusal of a request that no route takes: 405 if the path has another method, else 404 with the nearest route. */
export function noRoute(app: Hono, routes: readonly Place[], method: string, path: string): Refusal {
  const allowed = allowedMethods(app, path);
  if (allowed.length === 0) {
    const near = nearestRoute(routes, method, path);
    const hint = near ? ` Did you mean ${near.method} ${near.path}?` : "";
    return { error: new BrokerError("NOT_FOUND", `There is no such route.${hint} See /docs for the routes.`) };
  }
  const Allow = allowed.join(", ");
  const maker = method === "POST" || method === "PUT" ? makerIn(routes, path) : undefined;
  const hint = maker ? ` Create one with PUT ${maker.path}.` : "";
  return {
    error: new BrokerError("METHOD_NOT_ALLOWED", `${method.slice(0, 20)} is not allowed here. Use ${Allow}.${hint}`),
    headers: { Allow },
  };
}

const RESOURCE = /^\/v1\/(topics|groups)\/([^/]+)$/;

/** Throws if the path's topic or group is missing, which says more than a method that is not allowed. Errors: those of reading it. */
export async function requireResource(broker: Pick<Broker, "getTopic" | "getGroup">, path: string): Promise<void> {
  const [, kind, name = ""] = RESOURCE.exec(path) ?? [];
  if (kind === "topics") await broker.getTopic(decodeComponent(name));
  if (kind === "groups") await broker.getGroup(decodeComponent(name));
}

function allowedMethods(app: Hono, path: string): string[] {
  const methods = ["GET", "PUT", "PATCH", "POST", "DELETE"].filter((method) => app.router.match(method, path)[0].length > 0);
  return methods.includes("GET") ? ["GET", "HEAD", ...methods.slice(1)] : methods;
}

/** The route that creates an item of the list at `path`. */
const makerIn = (routes: readonly Place[], path: string): Place | undefined =>
  routes.find(
    (route) => route.method === "PUT" && /^\{\w+\}$/.test(route.path.slice(path.length + 1)) && route.path.startsWith(`${path}/`),
  );

function nearestRoute(routes: readonly Place[], method: string, path: string): Place | undefined {
  if (path.length > PATH_CHARS_MAX) return undefined;
  const written = path.split("/").filter((segment) => segment !== "");
  if (written.length === 0 || written.length > SEGMENTS_MAX) return undefined;
  let nearest: Place | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const route of routes) {
    // Among equally near routes, prefer one with the requested method.
    const far = distance(written, route.path.slice(1).split("/")) + (route.method === method ? 0 : 0.5);
    if (far < least) {
      least = far;
      nearest = route;
    }
  }
  return nearest;
}

/** The edits from the requested path to a route; infinite for more than slips. "/v1", and a name at the end, may be missing. */
function distance(written: readonly string[], wanted: readonly string[]): number {
  if (wanted[0] === "v1" && written[0] !== "v1" && written.length < wanted.length) {
    const bare = distance(written, wanted.slice(1));
    if (bare !== Number.POSITIVE_INFINITY) return bare + 1;
  }
  const nameMissing = wanted.length === written.length + 1 && wanted.at(-1)?.startsWith("{");
  if (wanted.length !== written.length && !nameMissing) return Number.POSITIVE_INFINITY;
  let edits = nameMissing ? 1 : 0;
  for (const [index, segment] of written.entries()) {
    const name = wanted[index] as string;
    if (!name.startsWith("{")) edits += nearness(segment, name) ?? Number.POSITIVE_INFINITY;
  }
  return edits;
}
