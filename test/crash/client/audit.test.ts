import { expect, test } from "vitest";
import { auditClient } from "./audit.ts";
import type { ClientHistory, HandlerFact, SendFact } from "./facts.ts";

const send: SendFact = { body: "b", messageGroup: null, messageId: undefined, error: "it failed", effect: "none" };
const fact = (kind: HandlerFact["kind"], atMs: number, process: number, attempt: number): HandlerFact => ({
  kind,
  atMs,
  process,
  attempt,
  messageId: "m",
});
const handled = [fact("began", 1, 1, 1), fact("finished", 2, 1, 1)];
const history = (sends: readonly SendFact[], handlers: readonly HandlerFact[]): ClientHistory => ({
  sends: [...sends],
  handlers: [...handlers],
  stored: [{ body: "b", messageId: "m", messageGroup: null, queueId: 0, offset: 0 }],
  numbered: 0,
  killedAtMs: new Map(),
});
const rules = (of: ClientHistory): readonly string[] => auditClient(of).map(({ rule }) => rule);

test("a send that says it changed nothing must not be stored, one that does not know may be", () => {
  expect(rules(history([send], handled))).toEqual(["denied"]);
  expect(rules(history([{ ...send, effect: "unknown" }], handled))).toEqual([]);
});

test("a message may come again once the worker was told that its delivery could not be used, and not for another delivery", () => {
  const again = [fact("began", 4, 2, 2), fact("finished", 5, 2, 2)];
  expect(rules(history([], [...handled, fact("told", 3, 1, 1), ...again]))).toEqual([]);
  expect(rules(history([], [...handled, fact("told", 3, 1, 7), ...again]))).toEqual(["early"]);
});
