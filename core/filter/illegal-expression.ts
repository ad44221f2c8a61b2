import { BrokerError } from "../errors.ts";

/** The error for a filter expression that is wrong at `offset`. The problem document has `line` and `column`, from 1. */
export function illegalExpression(expression: string, offset: number, problem: string): BrokerError {
  const before = expression.slice(0, offset);
  const line = before.split("\n").length;
  const column = offset - before.lastIndexOf("\n");
  return new BrokerError("ILLEGAL_FILTER_EXPRESSION", `Line ${line}, column ${column}: ${problem}`, {
    members: { line, column },
  });
}
