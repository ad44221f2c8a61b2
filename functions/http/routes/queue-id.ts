import { badField } from "../../../core/errors.ts";

const QUEUE_ID = /^\d{1,4}$/;

/** The number of a queue in a path. Errors: BAD_REQUEST. */
export function queueIdOf(text: string): number {
  if (!QUEUE_ID.test(text)) throw badField("queueId", "Must be the number of a queue.");
  return Number(text);
}
