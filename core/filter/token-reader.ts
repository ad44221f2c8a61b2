import type { BrokerError } from "../errors.ts";
import { illegalExpression } from "./illegal-expression.ts";
import { type Token, type TokenKind, tokenize } from "./sql-token.ts";

/** Hands out the tokens of an expression one by one. The end token is looked at, but never taken. */
export class TokenReader {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  get next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  take(): Token {
    const token = this.next;
    this.#at++;
    return token;
  }

  /** Takes the next token if it is of this kind. */
  accept(kind: TokenKind): boolean {
    if (this.next.kind !== kind) return false;
    this.take();
    return true;
  }

  expect(kind: TokenKind): Token {
    if (this.next.kind !== kind) throw this.unexpected(kind === "text" ? "a text in single quotes" : `'${kind}'`);
    return this.take();
  }

  unexpected(expected: string): BrokerError {
    const { kind, from, to } = this.next;
    const written = this.#source.slice(from, to);
    if (kind === "name" && /^like$/i.test(written))
      return illegalExpression(this.#source, from, "LIKE is not supported; use STARTSWITH, ENDSWITH or CONTAINS.");
    const found = kind === "end" ? "the end" : shortened(written);
    return illegalExpression(this.#source, from, `expected ${expected}, found ${found}.`);
  }
}

const FOUND_CHARS_MAX = 40;

/** The written text, in quotes. Texts and some properties have quotes already, and may be long. */
export function shortened(written: string): string {
  const text = written.length > FOUND_CHARS_MAX ? `${written.slice(0, FOUND_CHARS_MAX)}…` : written;
  return /^['"]/.test(text) ? text : `'${text}'`;
}
