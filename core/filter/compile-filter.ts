import { BrokerError } from "../errors.ts";
import { FILTER_EXPRESSION_BYTES_MAX, TAG_EXPRESSION_BYTES_MAX } from "../limits.ts";
import type { Filter } from "../terms.ts";
import type { FilteredMessage } from "./filtered-message.ts";
import { compileSql } from "./sql-condition.ts";
import { parseSql } from "./sql-parser.ts";
import { parseTags } from "./tag-expression.ts";

export interface MessageFilter {
  /** Every message matches, so a reader need not look at it. */
  readonly everything: boolean;
  matches(message: FilteredMessage): boolean;
}

const EVERYTHING: MessageFilter = { everything: true, matches: () => true };
const encoder = new TextEncoder();

/**
 * Turns a subscription's filter into a test of messages. Pure, so the result may be kept for as long as the filter is the same. Limits:
 * TAG_EXPRESSION_BYTES_MAX, FILTER_EXPRESSION_BYTES_MAX. Errors: ILLEGAL_FILTER_EXPRESSION, with line and column.
 */
export function compileFilter({ type, expression }: Filter): MessageFilter {
  const bytesMax = type === "TAG" ? TAG_EXPRESSION_BYTES_MAX : FILTER_EXPRESSION_BYTES_MAX;
  if (utf8Bytes(expression, bytesMax) > bytesMax)
    throw new BrokerError("ILLEGAL_FILTER_EXPRESSION", `The expression is longer than ${bytesMax} bytes of UTF-8.`);
  return type === "TAG" ? tagFilter(expression) : sqlFilter(expression);
}

/** Tags are compared as text. RocketMQ's broker compares hashes and leaves collisions to its client. */
function tagFilter(expression: string): MessageFilter {
  const tags = parseTags(expression);
  if (tags === "*") return EVERYTHING;
  const wanted = new Set<string | undefined>(tags);
  return { everything: false, matches: ({ tag }) => wanted.has(tag) };
}

function sqlFilter(expression: string): MessageFilter {
  const condition = parseSql(expression);
  if (condition.kind === "constant" && condition.value === true) return EVERYTHING;
  const truthOf = compileSql(condition);
  return { everything: false, matches: (message) => truthOf(message) === true };
}

/** A text with more characters than the limit also has more bytes, and need not be encoded. */
const utf8Bytes = (text: string, bytesMax: number): number =>
  text.length > bytesMax ? text.length : encoder.encode(text).length;
