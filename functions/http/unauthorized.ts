import { BrokerError } from "../../core/errors.ts";
import { type ProblemContext, problemReply } from "./problem.ts";
import type { Reply } from "./reply.ts";

const CHALLENGE = { "WWW-Authenticate": "Bearer" };

/** The answer to a request without a key that is known. */
export function unauthorizedReply(context: ProblemContext): Reply {
  const error = new BrokerError("UNAUTHORIZED", "This server wants a key that it knows. Send it as Authorization: Bearer <key>.");
  return problemReply(error, { ...context, headers: CHALLENGE });
}
