import { badField } from "../errors.ts";
import { NAME_CHARS_MAX } from "../limits.ts";
import { isName } from "../names.ts";

const DETAIL = `A producer group's name is 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 _ and -.`;

/** Errors: BAD_REQUEST. */
export function checkProducerGroupName(name: string): void {
  if (!isName(name)) throw badField("producerGroup", DETAIL, DETAIL);
}
