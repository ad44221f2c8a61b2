/** Examples of a Markdown document: blocks marked `http`, each a request and, after an empty line, its answer. */
export interface WrittenExample {
  /** The number of its section: `3.2`, or the letter of an appendix. */
  readonly section: string;
  readonly line: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly answer: WrittenAnswer;
}

export interface WrittenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const FENCE = "```";
const SECTION = /^#{2,3} (?:Appendix )?([A-Z]|\d+(?:\.\d+)?) /;
const HEADER = /^([A-Z][\w-]*): (.*)$/;
const REQUEST = /^([A-Z]+) (\/\S*)$/;
const STATUS = /^[1-5]\d\d$/;

/** Errors: for a block that is no request with an answer, naming its line. */
export function readExamples(text: string): WrittenExample[] {
  const examples: WrittenExample[] = [];
  const lines = text.split("\n");
  let section = "";
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    section = SECTION.exec(line)?.[1] ?? section;
    if (!line.startsWith(FENCE)) continue;
    const end = lines.indexOf(FENCE, at + 1);
    if (end < 0) throw new Error(`line ${at + 1}: the block has no end`);
    if (line === `${FENCE}http`) examples.push({ section, line: at + 1, ...readBlock(lines.slice(at + 1, end), at + 2) });
    at = end;
  }
  return examples;
}

function readBlock(lines: readonly string[], line: number): Omit<WrittenExample, "section" | "line"> {
  const [, method, path] = REQUEST.exec(lines[0] ?? "") ?? [];
  const gap = lines.indexOf("");
  const status = lines[gap + 1] ?? "";
  if (!method || !path || gap < 0 || !STATUS.test(status)) throw new Error(`line ${line}: no request with its answer`);
  const answer = { status: Number(status), ...readRest(lines.slice(gap + 2)) };
  return { method, path, ...readRest(lines.slice(1, gap)), answer };
}

/** Headers, and what follows them. */
function readRest(lines: readonly string[]): Omit<WrittenAnswer, "status"> {
  const headers: Record<string, string> = {};
  let at = 0;
  for (; at < lines.length; at++) {
    const [, name, value] = HEADER.exec(lines[at] ?? "") ?? [];
    if (name === undefined || value === undefined) break;
    headers[name] = value;
  }
  return { headers, body: at < lines.length ? lines.slice(at).join("\n") : undefined };
}
