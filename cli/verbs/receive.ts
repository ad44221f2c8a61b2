import { ApogeeError } from "../../client/apogee-error.ts";
import { type Duration, secondsOf } from "../../client/duration.ts";
import type { ReceivedMessage } from "../../client/received-message.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { failureLine } from "../failures.ts";
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
      let received = 0;
      let leaseUntil: string | undefined;
      while (received < max) {
        const options = { max: Math.min(max - received, AT_ONCE), waitSeconds: received === 0 ? waitSeconds : 0 };
        const messages = await consumer.receive(options);
        if (messages.length === 0) break;
        for (const message of messages) await cli.output.next(message, (colours) => messageText(message, colours));
        if (ack) await ackAll(cli, messages);
        received += messages.length;
        leaseUntil ??= messages[0]?.leaseUntil;
      }
      if (received === 0) cli.output.note(`There are no messages for ${group}.`);
      else if (!ack) cli.output.note(`Nothing was acknowledged: the messages come again, from ${leaseUntil} on. See --ack.`);
    });
};

async function ackAll(cli: Cli, messages: readonly ReceivedMessage[]): Promise<void> {
  const acks = await Promise.allSettled(messages.map((message) => message.ack()));
  for (const [index, ack] of acks.entries()) {
    if (ack.status === "fulfilled") continue;
    if (!ApogeeError.is(ack.reason)) throw ack.reason;
    cli.exitCode = EXIT.partly;
    cli.output.note(`${messages[index]?.messageId} was not acknowledged: ${failureLine(ack.reason, cli.endpoint)}`);
  }
}
