import { type FilterOptions, filtering, oneFilter } from "../filters.ts";
import { messageLine } from "../messages.ts";
import { moment, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

interface TailOptions extends FilterOptions {
  readonly since?: Date;
  readonly queue?: number;
  readonly max?: number;
}

export const defineTail: Define = (command, cli) => {
  examples(command, [
    "apogee tail orders                      # what comes from now on, until Ctrl-C",
    "apogee tail orders --since 1h --tag 'created || paid'",
    "apogee tail orders --json | jq -r .body",
  ])
    .argument("<topic>")
    .option("--since <time>", "first what was stored since a time, or since so long ago, such as 1h", moment)
    .option("--queue <n>", "one queue only", wholeNumber(0))
    .option("--max <n>", "end after so many messages", wholeNumber(1));
  filtering(command).action(async (name: string, { since, queue, max = Number.POSITIVE_INFINITY, ...filter }: TailOptions) => {
    const options = { ...oneFilter(filter), ...(since && { from: since }) };
    const topic = (await cli.connect()).topic(name);
    cli.output.endsUnread();
    let shown = 0;
    for await (const message of queue === undefined ? topic.tail(options) : topic.queue(queue).follow(options)) {
      await cli.output.next(message, (colours) => messageLine(message, colours, cli.output.width));
      shown++;
      if (shown >= max) return;
    }
  });
};
