import type { components } from "../../client/api-types.ts";
import type { Apogee } from "../../client/apogee.ts";
import { systemClock } from "../../client/clock.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { UsageFailure } from "../failures.ts";
import { type FilterOptions, filterOf } from "../filters.ts";

type Schemas = components["schemas"];
type Job = Schemas["RedriveJob"];

export interface RedriveOptions extends FilterOptions {
  readonly ids: readonly string[];
  readonly to?: string;
  readonly rate?: number;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly job?: string;
}

/** Of one redrive. */
const IDS_MAX = 100;
const LOOK_EVERY_MS = 1_000;

/** Starts a redrive, or takes up one by its job, and follows it to its end unless it is to be left alone. */
export async function redrive(cli: Cli, group: string, options: RedriveOptions): Promise<void> {
  const request = requestOf(options);
  const apogee = await cli.connect();
  const signal = cli.interruption();
  const begun = await begin(apogee, { group, request, jobId: options.job, signal }).catch((error) => {
    if (signal.aborted && options.job === undefined)
      cli.output.note("The redrive may have begun, and then goes on at the broker.");
    throw error;
  });
  if ("dryRun" in begun) {
    await cli.output.thing(begun);
    if (!begun.complete) cli.output.note("There was no time to look at all of them: it may be more.");
    return;
  }
  const again = `The redrive goes on at the broker. To look at it again: apogee dlq redrive ${group} --job ${begun.jobId}`;
  const job = options.detach ? begun : await follow(cli, begun, { apogee, group, signal, again });
  if (signal.aborted && job.state === "RUNNING") return cli.output.note(again);
  await cli.output.thing(job);
  if (job.state === "RUNNING") return cli.output.note(again);
  judge(cli, job, { group, ids: options.ids });
}

/** Errors: a `UsageFailure` for options that cannot go together. */
function requestOf({ ids, to, rate, dryRun, job, ...filters }: RedriveOptions): Schemas["RedriveRequest"] {
  const filter = filterOf(filters);
  const request = {
    ...(ids.length > 0 && { ids }),
    ...(filter && { filter }),
    ...(to !== undefined && { target: to }),
    ...(rate !== undefined && { ratePerSecond: rate }),
    ...(dryRun && { dryRun }),
  };
  if (job !== undefined && Object.keys(request).length > 0)
    throw new UsageFailure("--job follows a redrive as it was begun: give nothing else that says what to move.");
  if (filter && ids.length > 0) throw new UsageFailure("Ids and a filter both say which dead letters: give one of them.");
  if (ids.length > IDS_MAX) throw new UsageFailure(`A redrive takes ${IDS_MAX} ids at most: give fewer, or a filter.`);
  return request;
}

interface Beginning {
  readonly group: string;
  readonly request: Schemas["RedriveRequest"];
  readonly jobId: string | undefined;
  readonly signal: AbortSignal;
}

const begin = (apogee: Apogee, { group, request, jobId, signal }: Beginning): Promise<Schemas["RedriveReply"]> =>
  jobId === undefined ? apogee.group(group).redrive(request, { signal }) : apogee.group(group).redriveJob(jobId, { signal });

interface Followed {
  readonly apogee: Apogee;
  readonly group: string;
  readonly signal: AbortSignal;
  /** Says how to look at it again. */
  readonly again: string;
}

/** Looks at a job until it is over or Ctrl-C comes, and shows how far it is. Answers the job as it was last seen. */
async function follow(cli: Cli, begun: Job, { apogee, group, signal, again }: Followed): Promise<Job> {
  // What the job has looked at before is not counted: the rate is that of now.
  const progress = cli.progress("dead letters looked at", begun.remaining);
  let job = begun;
  try {
    while (job.state === "RUNNING") {
      await systemClock.sleep(LOOK_EVERY_MS, signal);
      const next = await apogee.group(group).redriveJob(job.jobId, { signal });
      progress.advance(Math.max(job.remaining - next.remaining, 0));
      job = next;
    }
  } catch (error) {
    if (signal.aborted) return job;
    cli.output.note(again);
    throw error;
  } finally {
    progress.end();
  }
  return job;
}

interface Asked {
  readonly group: string;
  readonly ids: readonly string[];
}

/** Says what was not moved, and ends the process by that. */
function judge(cli: Cli, { state, failure, moved, unreadable }: Job, { group, ids }: Asked): void {
  const { output } = cli;
  if (state === "FAILED") {
    output.note(`${output.noteColours.bad("apogee:")} The redrive failed after ${moved} dead letters: ${failure}`);
    cli.exitCode = moved > 0 ? EXIT.partly : EXIT.error;
    return;
  }
  output.note(`${moved} dead letters were moved.`);
  if (unreadable > 0) output.note(`${unreadable} cannot be read, and stay dead letters.`);
  const gone = ids.length === 0 ? 0 : new Set(ids).size - moved - unreadable;
  if (gone > 0) output.note(`${gone} of the ids are no dead letters of ${group}.`);
  if (gone + unreadable === 0) return;
  if (moved > 0) cli.exitCode = EXIT.partly;
  else cli.exitCode = gone > 0 ? EXIT.notFound : EXIT.error;
}
