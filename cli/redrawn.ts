const UP = (lines: number): string => (lines === 0 ? "\r" : `\r\x1b[${lines}A`);
const CLEAR_LINE_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const [NO_WRAP, WRAP] = ["\x1b[?7l", "\x1b[?7h"];

/**
 * Lines that take the place of those before them on a terminal. Each line is written over the old one, so that nothing is blank in between.
 * Lines that the terminal has no room for are left out: the cursor could not go back above them.
 */
export class Redrawn {
  readonly #rows: () => number;
  #drawn = 0;

  constructor(rows: () => number) {
    this.#rows = rows;
  }

  /** Something else was written below: the next lines begin under it. */
  leave(): void {
    this.#drawn = 0;
  }

  /** What is to be written for these lines. */
  next(lines: readonly string[]): string {
    const room = Math.max(this.#rows() - 1, 1);
    const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `${lines.length - room + 1} more lines`];
    const text = shown.map((line) => `${line}${CLEAR_LINE_END}\n`).join("");
    const before = UP(this.#drawn);
    this.#drawn = shown.length;
    return `${NO_WRAP}${before}${text}${CLEAR_BELOW}${WRAP}`;
  }
}
