import { fetch } from "undici";
import { type DeployedApi, dispatcherOf } from "./deployed-api.ts";

interface Call {
  readonly method: string;
  readonly path: string;
}

/** Routes that are none, or not by this method: they must not tell a stranger so. */
const NO_ROUTES: readonly Call[] = [
  { method: "GET", path: "/v1/none" },
  { method: "DELETE", path: "/v1/topics" },
];
/** The small pages of the documentation, which are the same on every server. */
const OPEN_PATHS = ["/", "/docs", "/errors", "/errors/{code}"];
const CALLS_AT_ONCE = 4;

/** Calls every route but the open ones without a key and with wrong ones. Errors: an answer other than a problem document with 401. */
export async function checkEveryRouteWantsTheKey(api: DeployedApi): Promise<string> {
  const dispatcher = dispatcherOf(api);
  const origin = new URL(api.url).origin;
  const send = async ({ method, path }: Call, authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(origin + path, { method, headers, dispatcher, redirect: "manual" });
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  };
  const document = JSON.parse((await send({ method: "GET", path: "/openapi.json" }, `Bearer ${api.apiKey}`)).text);
  const closed = Object.entries<object>(document.paths).filter(([path]) => !OPEN_PATHS.includes(path));
  const routes = closed.flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, "x") })),
  );
  const strangers = [undefined, "Bearer wrong", `Bearer ${api.apiKey}0`, `Bearer ${api.apiKey.slice(1)}`, `Basic ${api.apiKey}`];
  const calls = [...routes, ...NO_ROUTES].flatMap((call) => strangers.map((authorization) => ({ call, authorization })));
  const next = calls.values();
  const work = async (): Promise<void> => {
    for (const { call, authorization } of next) {
      const { status, type, text } = await send(call, authorization);
      const shown = `${call.method} ${call.path} with ${authorization === undefined ? "no key" : "a wrong key"}`;
      if (status !== 401 || type !== "application/problem+json" || JSON.parse(text).code !== "UNAUTHORIZED")
        throw new Error(`${shown} answers ${status} ${text.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work));
  return `${routes.length} routes, ${calls.length} requests`;
}
