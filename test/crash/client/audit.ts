import type { ClientHistory, HandlerFact } from "./facts.ts";

export interface ClientViolation {
  readonly rule: "lost" | "denied" | "doubled" | "changed" | "early" | "order";
  readonly detail: string;
}

/**
 * - `lost`: a send was answered, and its message is not stored; or a stored one was never handled to the end.
 * - `denied`: a send failed and said that it changed nothing, and its message is stored.
 * - `doubled`: one send is stored twice.
 * - `changed`: the id that a send was answered with is another message's.
 * - `early`: a message was handed out again though its handler had finished or was at work, in a process that lived on, or before the lease
 *   of a process that was killed had ended.
 * - `order`: messages of one message group were first handled in another order than they are stored in.
 */
export function auditClient(history: ClientHistory): readonly ClientViolation[] {
  return [...auditSends(history), ...auditHandlers(history), ...auditOrder(history)];
}

function* auditSends({ sends, stored }: ClientHistory): Generator<ClientViolation> {
  const byBody = groupBy(stored, ({ body }) => body);
  for (const { body, messageId, error, effect } of sends) {
    const copies = byBody.get(body) ?? [];
    if (copies.length > 1) yield { rule: "doubled", detail: `${body} is stored ${copies.length} times` };
    if (effect === "none" && copies.length > 0) yield { rule: "denied", detail: `${body} failed with ${error}` };
    if (error === undefined && copies.length === 0) yield { rule: "lost", detail: `${body} was acknowledged` };
    if (error === undefined && copies.length === 1 && copies[0]?.messageId !== messageId)
      yield { rule: "changed", detail: `${body} was answered with ${messageId}` };
  }
}

function* auditHandlers({ handlers, stored, killedAtMs }: ClientHistory): Generator<ClientViolation> {
  const byMessage = groupBy(handlers, ({ messageId }) => messageId);
  for (const { messageId, body } of stored) {
    const facts = byMessage.get(messageId) ?? [];
    if (!facts.some(({ kind }) => kind === "finished")) yield { rule: "lost", detail: `${body} was never handled` };
    const beginnings = facts.filter(({ kind }) => kind === "began");
    for (const [index, again] of beginnings.entries()) {
      const before = beginnings[index - 1];
      if (before && !mayComeAgain(before, again, facts, killedAtMs))
        yield { rule: "early", detail: `${body}: attempt ${again.attempt} after ${JSON.stringify(facts)}` };
    }
  }
}

function mayComeAgain(
  before: HandlerFact,
  again: HandlerFact,
  facts: readonly HandlerFact[],
  killedAtMs: ReadonlyMap<number, number>,
): boolean {
  const ownFacts = facts.filter(({ process, attempt }) => process === before.process && attempt === before.attempt);
  if (ownFacts.some(({ kind }) => kind === "failed")) return true;
  // The worker said itself that the lease was lost or could not be used.
  if (ownFacts.some(({ kind }) => kind === "told")) return true;
  const killed = killedAtMs.get(before.process);
  return killed !== undefined && killed <= again.atMs && (before.leaseUntilMs ?? 0) <= again.atMs;
}

function* auditOrder({ handlers, stored }: ClientHistory): Generator<ClientViolation> {
  const placeOf = new Map(stored.map(({ messageId, offset }) => [messageId, offset]));
  const firsts = new Map<string, HandlerFact>();
  for (const fact of handlers)
    if (fact.kind === "began" && fact.messageGroup && fact.messageId !== undefined && !firsts.has(fact.messageId))
      firsts.set(fact.messageId, fact);
  const byGroup = groupBy(
    [...firsts.values()].sort((a, b) => a.atMs - b.atMs),
    ({ messageGroup }) => messageGroup,
  );
  for (const [group, facts] of byGroup) {
    let last: HandlerFact | undefined;
    for (const fact of facts) {
      const [place, before] = [placeOf.get(fact.messageId ?? ""), placeOf.get(last?.messageId ?? "")];
      if (place !== undefined && before !== undefined && place < before && fact.atMs > (last?.atMs ?? 0))
        yield { rule: "order", detail: `${group}: offset ${place} was first handled after ${before}` };
      last = fact;
    }
  }
}

function groupBy<T, K>(things: Iterable<T>, keyOf: (thing: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const thing of things) {
    const key = keyOf(thing);
    const group = groups.get(key);
    if (group) group.push(thing);
    else groups.set(key, [thing]);
  }
  return groups;
}
