/** Separates the tags of a TAG expression, in which `*` stands for every message. */
export const TAG_SEPARATOR = "||";
const BAR = "|";
const EVERY = "*";

const WHITE_SPACE = " \t\n\r\f";

/** The tag without the white space around it. Other characters, such as a no-break space, may be part of a tag. */
export function trimTag(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && WHITE_SPACE.includes(text.charAt(from))) from++;
  while (from < to && WHITE_SPACE.includes(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

/** Why a TAG expression cannot name a tag; `undefined` if it can. The rule is the same for sent tags and for filters. */
export type Unnameable = "empty" | "bar" | "every" | "white space";

export function unnameable(tag: string): Unnameable | undefined {
  if (tag === "") return "empty";
  if (tag.includes(BAR)) return "bar";
  if (tag === EVERY) return "every";
  return trimTag(tag) === tag ? undefined : "white space";
}
