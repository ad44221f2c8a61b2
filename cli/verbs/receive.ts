import { ApogeeError } from "../../client/apogee-error.ts";
import { type Duration, secondsOf } from "../../client/duration.ts";
import type { ReceivedMessage } from "../../client/received-message.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { exitCodeOf, failureLine, failureMembers } from "../failures.ts";
import { messageText } from "../messages.ts";
import { duration, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

interface ReceiveOptions {
  readonly max: number;
  readonly wait: Duration;
  readonly ack?: boolean;
}

/** Of one call. */
const AT_ONCE = 32;
const WAIT_SECONDS_MAX = 20;

export const defineReceive: Define = (command, cli) => {
  examples(command, [
    "apogee receive billing                 # shows messages: they come again when their lease ends",
    "apogee receive billing --max 100 --ack # takes them",
    "apogee receive billing --wait 20s --json | jq -r .body",
  ])
    .argument("<group>")
    .option("--max <n>", "messages at most", wholeNumber(1), 10)
    .option("--wait <time>", "how long to wait for the first one, up to 20s", duration, 0)
    .option("--ack", "acknowledge each message once it is written")
    .action(async (group: string, { max, wait, ack }: ReceiveOptions) => {
      const consumer = (await cli.connect()).consumer(group);
      const waitSeconds = Math.min(Math.ceil(secondsOf(wait)), WAIT_SECONDS_MAX);
      // What nobody has read is not acknowledged: it comes again.
      cli.output.endsUnread();
      let received = 0;
      const failures: ApogeeError[] = [];
      let leaseUntil: string | undefined;
      while (received < max) {
        const options = { max: Math.min(max - received, AT_ONCE), waitSeconds: received === 0 ? waitSeconds : 0 };
        const messages = await consumer.receive(options);
        if (messages.length === 0) break;
        for (const message of messages) await cli.output.next(message, (colours) => messageText(message, colours));
        if (ack) failures.push(...(await ackAll(cli, messages)));
        received += messages.length;
        leaseUntil ??= messages[0]?.leaseUntil;
      }
      if (failures.length > 0) cli.exitCode = failures.length < received ? EXIT.partly : exitCodeOf(failures[0]);
      if (received === 0) cli.output.note(`There are no messages for ${group}.`);
      else if (!ack) cli.output.note(`Nothing was acknowledged: the messages come again, from ${leaseUntil} on. See --ack.`);
    });
};

/** Says of each message that was not acknowledged why, and answers that. */
async function ackAll(cli: Cli, messages: readonly ReceivedMessage[]): Promise<readonly ApogeeError[]> {
  const failures: ApogeeError[] = [];
  const acks = await Promise.allSettled(messages.map((message) => message.ack()));
  for (const [index, ack] of acks.entries()) {
    if (ack.status === "fulfilled") continue;
    const { reason } = ack;
    if (!ApogeeError.is(reason)) throw reason;
    failures.push(reason);
    const messageId = messages[index]?.messageId;
    cli.output.note(`${messageId} was not acknowledged: ${failureLine(reason, cli.endpoint)}`);
    if (cli.output.isJson) await cli.output.next({ messageId, ...failureMembers(reason) }, () => "");
  }
  return failures;
}
