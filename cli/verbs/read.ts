import type { ReadFrom } from "../../client/pull.ts";
import { UsageFailure } from "../failures.ts";
import { type FilterOptions, filtering, oneFilter } from "../filters.ts";
import { messageText } from "../messages.ts";
import { moment, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

interface ReadOptions extends FilterOptions {
  readonly from: ReadFrom;
  readonly queue?: number;
  readonly max?: number;
}

/** A number is an offset here: epoch milliseconds would look the same. */
const from = (text: string): ReadFrom => (text === "earliest" ? text : /^\d+$/.test(text) ? { offset: text } : moment(text));

export const defineRead: Define = (command, cli) => {
  examples(command, [
    "apogee read orders                      # all that is stored",
    "apogee read orders --from 1h --filter 'amount > 100' --json",
    "apogee read orders --queue 0 --from 1200 --max 10",
    "apogee read %DLQ%billing                # dead letters",
  ])
    .argument("<topic>")
    .option("--from <place>", "earliest, a time, how long ago, such as 1h, or an offset of --queue", from, "earliest")
    .option("--queue <n>", "one queue only", wholeNumber(0))
    .option("--max <n>", "messages at most", wholeNumber(1));
  filtering(command).action(async (name: string, { from, queue, max = Number.POSITIVE_INFINITY, ...filter }: ReadOptions) => {
    if (typeof from === "object" && "offset" in from && queue === undefined)
      throw new UsageFailure("Each queue counts its own offsets: give --queue too.");
    const options = { ...oneFilter(filter), from };
    const topic = (await cli.connect()).topic(name);
    cli.output.endsUnread();
    let shown = 0;
    for await (const message of queue === undefined ? topic.read(options) : topic.queue(queue).read(options)) {
      await cli.output.next(message, (colours) => messageText(message, colours));
      shown++;
      if (shown >= max) return;
    }
    if (shown === 0) cli.output.note(`There are no such messages in ${name}.`);
  });
};
