import type { Unreadable } from "../log/frame.ts";
import { DEAD_LETTER_PROPERTIES } from "../message/system-properties.ts";
import type { ListPage } from "../requests.ts";
import type { StoredMessage } from "../terms.ts";

/** A message in a group's dead-letter topic, as it was before it died; `offset` is where it is in that topic. */
export interface DeadLetter extends StoredMessage {
  /** `<offset>-<messageId>`. The offset makes a lookup one read, however many dead letters there are. */
  readonly id: string;
  readonly originTopic: string;
  readonly originQueueId: number;
  readonly originOffset: number;
  readonly attempts: number;
  readonly reason: string;
  readonly deadAtMs: number;
}

export interface DeadLetterPage extends ListPage<DeadLetter> {
  /** Dead letters that were passed over because they cannot be read. */
  readonly unreadable: readonly Unreadable[];
}

const ID = /^(0|[1-9]\d{0,15})-(.+)$/s;
const ADDED: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_PROPERTIES));

export const deadLetterId = ({ offset, messageId }: Pick<StoredMessage, "offset" | "messageId">): string =>
  `${offset}-${messageId}`;

/** The offset that a dead letter's id names; `undefined` for a text that is no such id. */
export function offsetOfDeadLetter(id: string): number | undefined {
  const [, digits] = ID.exec(id) ?? [];
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : undefined;
}

export function deadLetterOf(message: StoredMessage): DeadLetter {
  const names = DEAD_LETTER_PROPERTIES;
  const added = (name: string): string => message.properties.get(name) ?? "";
  return {
    ...message,
    id: deadLetterId(message),
    properties: new Map([...message.properties].filter(([name]) => !ADDED.has(name))),
    originTopic: added(names.originTopic),
    originQueueId: Number(added(names.originQueueId)),
    originOffset: Number(added(names.originOffset)),
    attempts: Number(added(names.attempts)),
    reason: added(names.reason),
    deadAtMs: Number(added(names.deadAt)),
  };
}
