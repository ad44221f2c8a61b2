import type { Writable } from "node:stream";
import { type Colours, type ColourTarget, coloursFor } from "./colours.ts";
import { Redrawn } from "./redrawn.ts";
import { type Column, recordText, type TableLook, tableText } from "./table.ts";

export type OutputStream = Writable & ColourTarget & { readonly columns?: number; readonly rows?: number };

export interface OutputParts {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: NodeJS.ProcessEnv;
  /** Asked when something is written: the command line is read by then. */
  readonly isJson: () => boolean;
}

/** Data goes to standard output, as JSON if that was asked for; everything else goes to standard error. */
export class Output {
  /** Of text on standard output. JSON never has any. */
  readonly colours: Colours;
  /** Of text on standard error. */
  readonly noteColours: Colours;
  readonly #parts: OutputParts;
  #redrawn: Redrawn | undefined;
  #endsUnread = false;
  #isUnread = false;

  constructor(parts: OutputParts) {
    this.#parts = parts;
    this.colours = coloursFor(parts.stdout, parts.environment);
    this.noteColours = coloursFor(parts.stderr, parts.environment);
  }

  get isJson(): boolean {
    return this.#parts.isJson();
  }

  /** The verb only shows something, and ends once nobody reads. Any other goes on, and what it shows is dropped. */
  endsUnread(): void {
    this.#endsUnread = true;
  }

  /** One thing: one JSON document, or a line for each of its members. */
  async thing(thing: object): Promise<void> {
    await this.#write(this.isJson ? `${JSON.stringify(thing)}\n` : recordText(thing, this.#look));
  }

  /** A list: a JSON document a line, each as `thing` writes it, or a table. An empty one says so on standard error. */
  async list<T extends object>(items: readonly T[], columns: readonly Column<T>[], empty: string): Promise<void> {
    if (this.isJson) for (const item of items) await this.#write(`${JSON.stringify(item)}\n`);
    else if (items.length > 0) await this.#write(tableText(columns, items, this.#look));
    else this.note(empty);
  }

  /** The same list again and again: on a terminal each takes the place of the one before, and elsewhere it follows it after an empty line. */
  lists<T extends object>(columns: readonly Column<T>[], empty: string): (items: readonly T[]) => Promise<void> {
    const { stdout } = this.#parts;
    const redrawn = stdout.isTTY ? new Redrawn(() => stdout.rows ?? Number.POSITIVE_INFINITY) : undefined;
    this.#redrawn = redrawn;
    let isFirst = true;
    return async (items) => {
      if (this.isJson) return this.list(items, columns, empty);
      const text = items.length === 0 ? `${empty}\n` : tableText(columns, items, this.#look);
      if (redrawn) await this.#write(redrawn.next(text.trimEnd().split("\n")));
      else await this.#write(isFirst ? text : `\n${text}`);
      isFirst = false;
    };
  }

  /** The next of a stream: a JSON document on one line, or text for people, which ends with a newline. */
  async next(item: object, text: (colours: Colours) => string): Promise<void> {
    await this.#write(this.isJson ? `${JSON.stringify(item)}\n` : text(this.colours));
  }

  /** Data that is text already, such as lines of JSON whether or not --json was given. */
  async raw(text: string): Promise<void> {
    await this.#write(text);
  }

  /** What was deleted, by what it was known by. */
  async deleted(names: Readonly<Record<string, string>>): Promise<void> {
    if (this.isJson) await this.#write(`${JSON.stringify({ ...names, deleted: true })}\n`);
    else
      this.note(
        `Deleted: ${Object.entries(names)
          .map((pair) => pair.join(" "))
          .join(", ")}.`,
      );
  }

  /** A line for people, on standard error. */
  note(line: string): void {
    const { stderr } = this.#parts;
    stderr.write(`${line}\n`);
    if (stderr.isTTY) this.#redrawn?.leave();
  }

  /** What another program wrote to its standard error, as it is, on this one's. Resolves when it is written, or nobody reads it. */
  async passOn(bytes: Uint8Array): Promise<void> {
    await written(this.#parts.stderr, bytes);
  }

  /** Columns of the terminal that shows standard output; `undefined` for a pipe or a file. */
  get width(): number | undefined {
    const { stdout } = this.#parts;
    return stdout.isTTY ? stdout.columns : undefined;
  }

  get #look(): TableLook {
    return { width: this.width, heading: this.colours.heading };
  }

  /** Resolves when the text is written, so that a slow reader slows the verb down. Errors: `Unread`, in a verb that only shows something. */
  async #write(text: string): Promise<void> {
    if (this.#isUnread) return;
    const error = await written(this.#parts.stdout, text);
    if (error?.code !== "EPIPE") return;
    this.#isUnread = true;
    if (this.#endsUnread) throw new Unread();
  }
}

/** What reads the other end has enough, as `head` has. That is no failure. */
export class Unread extends Error {
  override readonly name = "Unread";
}

/** Answers why it was not written; nothing where it was. */
const written = (stream: Writable, data: string | Uint8Array): Promise<NodeJS.ErrnoException | null | undefined> =>
  new Promise((resolve) => stream.write(data, resolve));
