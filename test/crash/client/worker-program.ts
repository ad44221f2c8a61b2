// A program with a worker, to be killed: a line for each beginning and end of a handler. Arguments: endpoint, group.
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Apogee } from "../../../client/apogee.ts";

const [endpoint = "", group = ""] = process.argv.slice(2);
const HANDLER_MS_MAX = 40;

/** What the pipe holds outlives the process. */
const tell = (fact: object): void => void writeSync(1, `${JSON.stringify({ atMs: Date.now(), ...fact })}\n`);

await new Apogee({ endpoint }).consumer(group).run(
  async ({ messageId, messageGroup, attempt, leaseUntil }, { signal }) => {
    tell({ kind: "began", messageId, messageGroup, attempt, leaseUntilMs: Date.parse(leaseUntil) });
    await sleep(Math.random() * HANDLER_MS_MAX);
    if (Math.random() < 0.02 && !signal.aborted) {
      tell({ kind: "failed", messageId, attempt });
      throw new Error("on purpose");
    }
    tell({ kind: "finished", messageId, attempt });
  },
  {
    concurrency: 32,
    onError: (error, message) =>
      tell({ kind: "told", messageId: message?.messageId, attempt: message?.attempt, error: String(error) }),
  },
);
