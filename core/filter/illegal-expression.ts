import { BrokerError } from "../errors.ts";

/** Refuses a filter expression for what stands at `offset`; the problem document carries `line` and `column`, from 1. */
export function illegalExpression(expression: string, offset: number, problem: string): BrokerError {
  const before = expression.slice(0, offset);
  const line = before.split("\n").length;
  const column = offset - before.lastIndexOf("\n");
  return new BrokerError("ILLEGAL_FILTER_EXPRESSION", `Line ${line}, column ${column}: ${problem}`, {
    members: { line, column },
  });
}
