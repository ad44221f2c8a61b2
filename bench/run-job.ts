import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, JobResult } from "./job.ts";

const GENERATOR = fileURLToPath(new URL("./generator.ts", import.meta.url));

/** Runs the job in a new generator process. Rejects if that ends without a result. */
export const runJob = (job: Job): Promise<JobResult> =>
  new Promise((resolve, reject) => {
    const child = fork(GENERATOR, [], { execArgv: ["--import", "tsx"], serialization: "advanced" });
    child.once("message", (result: JobResult) => resolve(result));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the generator ended with ${code}`)));
    child.send(job);
  });
