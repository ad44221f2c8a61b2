import type { ReceivedMessage } from "../../client/received-message.ts";

const PREFIX = "APOGEE_";
const PROPERTY = `${PREFIX}PROPERTY_`;

/**
 * The environment of a command: this process's, and what is known of the message beside its body. All values come from senders and stand
 * under names of their own, so that none of them can change what the command does by itself, as `PATH` would.
 */
export function messageEnvironment(message: ReceivedMessage, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // A command may itself be one that another message started.
  const inherited = Object.entries(environment).filter(([name]) => !name.startsWith(PROPERTY));
  const properties = Object.entries(message.properties).map(([name, value]) => [propertyVariable(name), withoutNul(value)]);
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(properties),
    [`${PREFIX}MESSAGE_ID`]: withoutNul(message.messageId),
    [`${PREFIX}TOPIC`]: message.topic,
    [`${PREFIX}QUEUE_ID`]: String(message.queueId),
    [`${PREFIX}OFFSET`]: message.offset,
    [`${PREFIX}TAG`]: withoutNul(message.tag ?? ""),
    [`${PREFIX}KEYS`]: withoutNul(message.keys.join("\n")),
    [`${PREFIX}MESSAGE_GROUP`]: withoutNul(message.messageGroup ?? ""),
    [`${PREFIX}ATTEMPT`]: String(message.attempt),
    [`${PREFIX}MAX_ATTEMPTS`]: String(message.maxAttempts),
    [`${PREFIX}BORN_AT`]: message.bornAt,
    [`${PREFIX}STORED_AT`]: message.storedAt,
  };
}

/** A shell reads letters, digits and underscores. */
const propertyVariable = (name: string): string => PROPERTY + name.replace(/[^A-Za-z0-9_]/g, "_");

/** No environment can hold a NUL. */
const withoutNul = (text: string): string => text.replaceAll("\0", "\ufffd");
