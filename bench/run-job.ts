import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientJob, ClientResult } from "./client-job.ts";
import type { Job, JobResult } from "./job.ts";

/** Runs the job in a new generator process. Rejects if that ends without a result. */
export const runJob = (job: Job): Promise<JobResult> => runIn("./generator.ts", job);

/** The same for programs that use the client. */
export const runClientJob = (job: ClientJob): Promise<ClientResult> => runIn("./client-generator.ts", job);

const runIn = <Result>(generator: string, job: Job | ClientJob): Promise<Result> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL(generator, import.meta.url)), [], {
      execArgv: ["--import", "tsx"],
      serialization: "advanced",
    });
    child.once("message", (result: Result) => resolve(result));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the generator ended with ${code}`)));
    child.send(job);
  });
