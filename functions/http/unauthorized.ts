import { BrokerError } from "../../core/errors.ts";
import { KEY_PAGE, KEY_PAGE_HEADERS } from "./key-page.ts";
import { type ProblemContext, problemReply } from "./problem.ts";
import type { Reply } from "./reply.ts";

const CHALLENGE = { "WWW-Authenticate": "Bearer" };

/** The answer to a request without a key that is known. A browser that opens the documentation is asked for one. */
export function unauthorizedReply(routePath: string, accept: string | undefined, context: ProblemContext): Reply {
  if (routePath === "/docs" && accept?.includes("text/html")) {
    return { status: 401, code: "UNAUTHORIZED", body: KEY_PAGE, headers: { ...KEY_PAGE_HEADERS, ...CHALLENGE } };
  }
  const error = new BrokerError("UNAUTHORIZED", "This server wants a key that it knows. Send it as Authorization: Bearer <key>.");
  return problemReply(error, { ...context, headers: CHALLENGE });
}
