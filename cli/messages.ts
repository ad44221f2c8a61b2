import type { Colours } from "./colours.ts";

/** What is shown of a message. */
export interface ShownMessage {
  readonly messageId: string;
  readonly topic: string;
  /** Its place, once it has one. */
  readonly queueId?: number;
  readonly offset?: string;
  readonly tag: string | null;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly messageGroup: string | null;
  readonly storedAt: string;
  readonly attempt?: number;
  readonly body: string;
  readonly bodyEncoding: string;
}

/** A faint line of what is known of the message, and its body below. */
export const messageText = (message: ShownMessage, { faint }: Colours): string =>
  `${faint(factsLine(message))}\n${bodyText(message)}\n`;

/** What is known of the message beside its body, on one line. */
export function factsLine(message: ShownMessage): string {
  const { messageId, topic, queueId, offset, tag, keys, properties, messageGroup, storedAt, attempt = 1 } = message;
  const facts = [
    messageId,
    queueId === undefined ? topic : `${topic}/${queueId}@${offset}`,
    storedAt,
    ...(tag === null ? [] : [`tag=${tag}`]),
    ...keys.map((key) => `key=${key}`),
    ...(messageGroup === null ? [] : [`group=${messageGroup}`]),
    ...Object.entries(properties).map(([name, value]) => `${name}=${value}`),
    ...(attempt > 1 ? [`attempt=${attempt}`] : []),
  ];
  return facts.map(printable).join("  ");
}

/** A message on one line, which ends with the beginning of its body where it would be wider than the terminal. */
export function messageLine(message: ShownMessage, { faint }: Colours, width = Number.POSITIVE_INFINITY): string {
  const { queueId, offset, tag, keys, storedAt, body } = message;
  const about = [...(tag === null ? [] : [`tag=${tag}`]), ...keys.map((key) => `key=${key}`)];
  const facts = printable([storedAt, `${queueId}@${offset}`, ...about].join("  "));
  const room = width - facts.length - GAP;
  // Nobody sees the rest of a long body, so that it is not escaped either.
  const begun = printable(bodyText(width < body.length ? { ...message, body: body.slice(0, width) } : message));
  if (begun.length <= room) return `${faint(facts)}  ${begun}\n`;
  const cut = [...begun].slice(0, Math.max(room - 1, 0)).join("");
  return `${faint(facts)}  ${cut}…\n`;
}

const GAP = 2;

/** What people see of a body. */
export const bodyText = ({ body, bodyEncoding }: Pick<ShownMessage, "body" | "bodyEncoding">): string =>
  bodyEncoding === "base64" ? `base64:${body}` : body.replace(CONTROLS, escaped);

/** What moves the cursor or changes the terminal: a sender must not. Tabs and newlines stay. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: These are what is looked for.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
/** Text on one line that cannot move the cursor. */
export const printable = (text: string): string => text.replace(CONTROLS, escaped).replace(/[\t\n]/g, escaped);
