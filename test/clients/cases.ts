/** A case, which each language has under the same name in its program. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly topic: "NORMAL" | "FIFO" | "DELAY" | "TRANSACTION" | "PRIORITY";
  /** Settings of its group. Default: the group is not made, and the server makes it when a client comes. */
  readonly group?: Readonly<Record<string, unknown>>;
  /** Default: all. */
  readonly languages?: readonly Language[];
}

export type Language = "java" | "python" | "go";

/** The longest first: a program runs some at once. */
export const CASES: readonly Case[] = [
  { name: "push-slow", title: "a listener that takes longer than a lease keeps its message", topic: "NORMAL" },
  { name: "changed-lease", title: "a changed lease ends on time, shorter and longer", topic: "NORMAL" },
  { name: "send-receive-ack", title: "messages come as they were sent, and not again after the ack", topic: "NORMAL" },
  { name: "redelivery", title: "what is not acknowledged comes again, as attempt 2", topic: "NORMAL" },
  { name: "transaction-check", title: "the checker decides orphaned transactions", topic: "TRANSACTION" },
  { name: "fifo-blocks", title: "an unacknowledged message blocks its message group", topic: "FIFO", group: { ordered: true } },
  {
    name: "push-dead-letters",
    title: "a push consumer's failures end in %DLQ%",
    topic: "NORMAL",
    group: { maxAttempts: 2, backoff: [1] },
  },
  {
    name: "push-fifo-dead-letters",
    title: "a failure ends in %DLQ%, and its message group goes on",
    topic: "FIFO",
    group: { ordered: true, maxAttempts: 2, backoff: [1] },
  },
  { name: "push-retry", title: "a push consumer's failure comes again on time", topic: "NORMAL", group: { backoff: [1] } },
  {
    name: "push-fifo",
    title: "a push consumer keeps the order over a failure",
    topic: "FIFO",
    group: { ordered: true, backoff: [1] },
  },
  { name: "transaction", title: "commits are delivered, and rollbacks are not", topic: "TRANSACTION" },
  { name: "push", title: "two push consumers share what is sent", topic: "NORMAL" },
  { name: "recall", title: "a recalled message is not delivered", topic: "DELAY" },
  { name: "delay", title: "a delayed message comes on time", topic: "DELAY" },
  { name: "fifo-order", title: "message groups come in order", topic: "FIFO", group: { ordered: true } },
  { name: "tag-filter", title: "a filter of tags", topic: "NORMAL" },
  { name: "sql-filter", title: "a filter in SQL92", topic: "NORMAL" },
  { name: "priority", title: "higher priorities come first", topic: "PRIORITY" },
  { name: "large-bodies", title: "bodies of 4 MiB, and none that is larger", topic: "NORMAL" },
  { name: "async", title: "calls that do not wait", topic: "NORMAL" },
  { name: "unknown-topic", title: "a topic that is not there is refused", topic: "NORMAL" },
  { name: "wrong-key", title: "a wrong key is refused", topic: "NORMAL" },
  // The client of Python is told plaintext, and the one of Go speaks TLS in every case.
  { name: "tls", title: "a client that speaks TLS", topic: "NORMAL", languages: ["java"] },
];

/** Run against a server of its own, which is killed meanwhile. */
export const RESTART: Case = {
  name: "push-restart",
  title: "a push consumer goes on when the server was killed and started again, and nothing is lost",
  topic: "NORMAL",
};

export const casesOf = (language: Language): readonly Case[] =>
  CASES.filter(({ languages }) => languages?.includes(language) ?? true);

/** What a case's topic and group are called. */
export const resourceName = (language: Language, { name }: Case): string => `${language}-${name}`;
