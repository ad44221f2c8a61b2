import { createInterface } from "node:readline/promises";
import { EXIT } from "./exit-codes.ts";
import { UsageFailure, VerbFailure } from "./failures.ts";
import type { OutputStream } from "./output.ts";

export interface Question {
  /** What would be lost, such as `Topic orders and its 12 messages will be deleted.` */
  readonly loss: string;
  /** What has to be typed. */
  readonly name: string;
}

export interface ConfirmParts {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stderr: OutputStream;
  /** `--yes`. */
  readonly isGiven: boolean;
}

/** Has the name typed before something is lost. Errors: a `UsageFailure` where nobody sits; a `VerbFailure` where another name is typed. */
export async function confirm({ loss, name }: Question, { stdin, stderr, isGiven }: ConfirmParts): Promise<void> {
  if (isGiven) return;
  if (!stdin.isTTY || !stderr.isTTY) throw new UsageFailure(`${loss} There is nobody to ask: --yes confirms it.`);
  const terminal = createInterface({ input: stdin, output: stderr });
  // Ctrl-C and Ctrl-D at the question give no answer.
  const interrupted = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)));
  try {
    const answer = await Promise.race([terminal.question(`${loss}\nType ${name} to confirm: `), interrupted]);
    if (answer === undefined) {
      stderr.write("\n");
      throw new VerbFailure("Nothing was changed.", EXIT.interrupted);
    }
    if (answer.trim() !== name) throw new VerbFailure(`${JSON.stringify(answer.trim())} is not ${name}: nothing was changed.`);
  } finally {
    terminal.close();
  }
}
