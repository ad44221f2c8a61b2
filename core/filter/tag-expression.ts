import { illegalExpression } from "./illegal-expression.ts";

/**
 * Reads which tags a subscription wants.
 *
 *   expression := "*" | tag { "||" tag }
 *
 * White space around a tag is not part of it. Source: RocketMQ FilterAPI, which also passes over empty tags; here they are
 * refused, as a trailing `||` is more likely a cut list than meant.
 */
export function parseTags(expression: string): "*" | readonly string[] {
  const tags: string[] = [];
  let from = 0;
  for (const part of expression.split("||")) {
    const tag = trimmed(part);
    const at = from + part.indexOf(tag);
    if (tag === "") throw illegalExpression(expression, from, "expected a tag, or '*' for all messages.");
    const bar = tag.indexOf("|");
    if (bar >= 0) throw illegalExpression(expression, at + bar, "found '|', which no tag can hold; tags are separated by '||'.");
    if (tag === "*" && part.length < expression.length) {
      throw illegalExpression(expression, at, "found '*' among tags; alone it means all messages.");
    }
    tags.push(tag);
    from += part.length + "||".length;
  }
  return tags[0] === "*" ? "*" : tags;
}

/** Only the white space of expressions: a tag may well begin with another kind, such as a no-break space. */
const trimmed = (text: string): string => text.replace(/^[ \t\n\r\f]+/, "").replace(/[ \t\n\r\f]+$/, "");
