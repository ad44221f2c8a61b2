import { illegalExpression } from "./illegal-expression.ts";
import { TAG_SEPARATOR, trimTag, type Unnameable, unnameable } from "./tag.ts";

/**
 * Reads the tags that a subscription wants.
 *
 *   expression := "*" | tag { "||" tag }
 *
 * White space around a tag is not part of it. Source: RocketMQ FilterAPI, which also skips empty tags. Here they are refused, because a
 * trailing `||` is probably a truncated list.
 */
export function parseTags(expression: string): "*" | readonly string[] {
  const tags: string[] = [];
  let from = 0;
  for (const part of expression.split(TAG_SEPARATOR)) {
    const tag = trimTag(part);
    const at = from + part.indexOf(tag);
    const problem = unnameable(tag);
    if (problem === "every" && part.length === expression.length) return "*";
    if (problem !== undefined) throw illegalExpression(expression, ...wrongTag(problem, tag, at));
    tags.push(tag);
    from += part.length + TAG_SEPARATOR.length;
  }
  return tags;
}

function wrongTag(problem: Unnameable, tag: string, at: number): [at: number, problem: string] {
  switch (problem) {
    case "bar":
      return [at + tag.indexOf("|"), "found '|', which no tag can hold; tags are separated by '||'."];
    case "every":
      return [at, "found '*' among tags; alone it means all messages."];
    default:
      return [at, "expected a tag, or '*' for all messages."];
  }
}
