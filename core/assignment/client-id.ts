import { badField } from "../errors.ts";
import { CLIENT_ID_CHARS_MAX } from "../limits.ts";

export const CLIENT_ID_PATTERN = `^[A-Za-z0-9][A-Za-z0-9_.@:-]{0,${CLIENT_ID_CHARS_MAX - 1}}$`;
const CLIENT_ID = new RegExp(CLIENT_ID_PATTERN);

export const CLIENT_ID_RULE = `A client id is 1 to ${CLIENT_ID_CHARS_MAX} of A-Z a-z 0-9 _ . @ : and -, a letter or digit first.`;

/** Holds RocketMQ's ip@instance@unit. */
export const isClientId = (text: string): boolean => CLIENT_ID.test(text);

/** Errors: BAD_REQUEST. */
export function checkClientId(text: string): void {
  if (!isClientId(text)) throw badField("clientId", CLIENT_ID_RULE, CLIENT_ID_RULE);
}
