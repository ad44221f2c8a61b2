/** Where a text stops being JSON, and what was expected there. */
export interface JsonError {
  /** Index into the text. */
  readonly position: number;
  readonly expected: string;
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

class Stopped extends Error {
  readonly position: number;
  readonly expected: string;
  constructor(position: number, expected: string) {
    super(expected);
    this.position = position;
    this.expected = expected;
  }
}

/**
 * Finds the place that JSON.parse objected to, which it only describes in prose that repeats the text. Runs after it failed, on a text
 * whose nesting has been checked, so the recursion is shallow.
 */
export function findJsonError(text: string): JsonError {
  try {
    const end = skip(text, valueAt(text, skip(text, 0)));
    return { position: end, expected: "the end of the document" };
  } catch (error) {
    if (error instanceof Stopped) return error;
    throw error;
  }
}

/** Index after the match of `pattern` at `at`; -1 if there is none. */
function matchAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** Index of the first character from `at` on that is not white space. */
function skip(text: string, at: number): number {
  let position = at;
  while (" \t\n\r".includes(text[position] ?? "end")) position++;
  return position;
}

function valueAt(text: string, at: number): number {
  const first = text[at];
  if (first === "{") return membersAt(text, at, "}", memberAt);
  if (first === "[") return membersAt(text, at, "]", valueAt);
  if (first === '"') return stringAt(text, at);
  const end = matchAt(SCALAR, text, at);
  if (end < 0) throw new Stopped(at, "a value");
  return end;
}

function membersAt(text: string, at: number, close: string, memberOf: (text: string, at: number) => number): number {
  let position = skip(text, at + 1);
  if (text[position] === close) return position + 1;
  for (;;) {
    position = skip(text, memberOf(text, position));
    if (text[position] === close) return position + 1;
    if (text[position] !== ",") throw new Stopped(position, `"," or "${close}"`);
    position = skip(text, position + 1);
  }
}

function memberAt(text: string, at: number): number {
  if (text[at] !== '"') throw new Stopped(at, "a field name in double quotes");
  const colon = skip(text, stringAt(text, at));
  if (text[colon] !== ":") throw new Stopped(colon, '":"');
  return valueAt(text, skip(text, colon + 1));
}

function stringAt(text: string, at: number): number {
  let position = at + 1;
  while (position < text.length) {
    const character = text[position] as string;
    if (character === '"') return position + 1;
    if (character < " ") throw new Stopped(position, "an escape, not a control character");
    if (character !== "\\") position++;
    else {
      const end = matchAt(ESCAPE, text, position);
      if (end < 0) throw new Stopped(position, "an escape JSON knows");
      position = end;
    }
  }
  throw new Stopped(position, "the end of the string");
}
