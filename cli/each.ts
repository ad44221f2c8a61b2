import { ApogeeError } from "../client/apogee-error.ts";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";
import { exitCodeOf, failureLine, failureMembers } from "./failures.ts";

/**
 * Does the same to each of several things that were named, one after the other. One that fails is told, and the others go on. Errors: that
 * of the only one; one that is not the broker's.
 */
export async function each(
  cli: Cli,
  { ids, idName }: { readonly ids: readonly string[]; readonly idName: string },
  work: (id: string) => Promise<void>,
): Promise<void> {
  const failures: ApogeeError[] = [];
  for (const id of ids) {
    try {
      await work(id);
    } catch (error) {
      if (!ApogeeError.is(error) || ids.length === 1) throw error;
      failures.push(error);
      if (cli.output.isJson) await cli.output.next({ [idName]: id, ...failureMembers(error) }, () => "");
      cli.output.note(`${cli.output.noteColours.bad("apogee:")} ${id}: ${failureLine(error, cli.endpoint)}`);
    }
  }
  if (failures.length === 0) return;
  cli.output.note(`${ids.length - failures.length} of ${ids.length} were done.`);
  cli.exitCode = failures.length < ids.length ? EXIT.partly : exitCodeOf(failures[0]);
}
