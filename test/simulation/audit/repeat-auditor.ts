import type { SendReceipt } from "../../../core/terms.ts";
import { placeOf } from "./seen.ts";
import type { Violations } from "./violations.ts";

/** A send with a key that was answered, and its message. */
export interface KnownSend {
  readonly key: string;
  readonly text: string;
  readonly queueId: number;
  readonly offset: number;
  /** When it was requested at first, and when it was answered. */
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** The answer to a repeat: a receipt, that the message has expired, or nothing that tells anything. */
export type RepeatAnswer = SendReceipt | "expired" | "unknown";

/**
 * S7: a repeat of a send is answered with the place of the first one for as long as the send is known, and that its message has expired
 * once it has: wherever the message is by then.
 */
export class RepeatAuditor {
  readonly #violations: Violations;
  readonly #windowMs: number;
  readonly #slackMs: number;
  answered = 0;

  constructor(violations: Violations, windowMs: number, slackMs: number) {
    this.#violations = violations;
    this.#windowMs = windowMs;
    this.#slackMs = slackMs;
  }

  /** Whether the send is surely known until then. */
  isKnown({ askedMs }: KnownSend, nowMs: number): boolean {
    return nowMs < askedMs + this.#windowMs - this.#slackMs;
  }

  repeated(send: KnownSend, answer: RepeatAnswer, { kept, nowMs }: { readonly kept: boolean; readonly nowMs: number }): void {
    if (answer === "unknown" || !this.isKnown(send, nowMs)) return;
    const { key, text } = send;
    this.answered++;
    if (answer === "expired") {
      if (kept) this.#violations.add("S7", `${text} of ${key} at ${placeOf(send)} has not expired, and a repeat is told so`);
      return;
    }
    const place = "offset" in answer ? placeOf(answer) : "no place";
    if (!answer.duplicate || place !== placeOf(send))
      this.#violations.add("S7", `a repeat of ${key} is answered with ${place}, and ${text} is at ${placeOf(send)}`);
  }
}
