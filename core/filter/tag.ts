/** Separates the tags of a TAG expression, in which `*` stands for every message. */
export const TAG_SEPARATOR = "||";
const BAR = "|";
const EVERY = "*";

const WHITE_SPACE = " \t\n\r\f";

/** Without the white space around it, which is no part of a tag. Another kind, such as a no-break space, may well be. */
export function trimTag(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && WHITE_SPACE.includes(text.charAt(from))) from++;
  while (from < to && WHITE_SPACE.includes(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

/** Why a TAG expression cannot name a tag; `undefined` for one that it can. What is sent and what is filtered by go by this alike. */
export type Unnameable = "empty" | "bar" | "every" | "white space";

export function unnameable(tag: string): Unnameable | undefined {
  if (tag === "") return "empty";
  if (tag.includes(BAR)) return "bar";
  if (tag === EVERY) return "every";
  return trimTag(tag) === tag ? undefined : "white space";
}
