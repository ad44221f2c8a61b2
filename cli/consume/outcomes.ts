import type { ReceivedMessage } from "../../client/received-message.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";

/**
 * What became of a message. One that was given back comes again after the group's backoff, and one that was lost when its lease ends,
 * if no other consumer has it already.
 */
export type Outcome = "ACKED" | "GIVEN_BACK" | "DEAD_LETTERED" | "LOST";

const WORDS: Readonly<Record<Outcome, string>> = {
  ACKED: "acknowledged",
  GIVEN_BACK: "given back",
  DEAD_LETTERED: "dead-lettered",
  LOST: "lost",
};

/** Says what became of each message, and of all of them. */
export class Outcomes {
  readonly #cli: Cli;
  readonly #counts = new Map<Outcome, number>();

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /** People are told of failures only; the JSON has every message. */
  async add(message: ReceivedMessage, outcome: Outcome, reason: string | null = null): Promise<void> {
    const { output } = this.#cli;
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    const { messageId, topic, queueId, offset, attempt, maxAttempts } = message;
    if (output.isJson) await output.next({ messageId, topic, queueId, offset, attempt, maxAttempts, outcome, reason }, () => "");
    else if (outcome !== "ACKED")
      output.note(`${output.noteColours.bad("apogee:")} message ${messageId} was ${WORDS[outcome]}: ${reason}`);
  }

  /** Says how it went, and sets the exit code. */
  end(): void {
    const counts = [...this.#counts].map(([outcome, count]) => `${count} ${WORDS[outcome]}`);
    this.#cli.output.note(counts.length === 0 ? "There were no messages." : `Messages: ${counts.join(", ")}.`);
    const acked = this.#counts.get("ACKED") ?? 0;
    if (this.#counts.size > (acked > 0 ? 1 : 0)) this.#cli.exitCode = acked > 0 ? EXIT.partly : EXIT.error;
  }
}
