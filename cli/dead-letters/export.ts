import { type FileHandle, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { VerbFailure } from "../failures.ts";
import { pagesOf } from "../pages.ts";
import { writeWhole } from "../whole-file.ts";

const PAGE = 1_000;

type Write = (lines: string) => Promise<unknown>;

/** Writes a line of JSON for each dead letter. Errors: a `VerbFailure` for a file that cannot be written; as `confirm` for one there is. */
export async function exportDeadLetters(cli: Cli, group: string, path: string | undefined): Promise<void> {
  if (path === undefined) {
    cli.output.endsUnread();
    return exportWith(cli, group, (lines) => cli.output.raw(lines));
  }
  if (await isThere(path)) await cli.confirm({ loss: `${path} will be replaced.`, name: basename(path) });
  const signal = cli.interruption();
  try {
    await writeWhole(path, (file: FileHandle) => exportWith(cli, group, (lines) => file.appendFile(lines), signal));
  } catch (error) {
    if (signal.aborted) cli.output.note(`${path} was not written.`);
    const { errno, message } = error as NodeJS.ErrnoException;
    if (errno !== undefined) throw new VerbFailure(`${path} cannot be written: ${message}`);
    throw error;
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function exportWith(cli: Cli, group: string, write: Write, signal?: AbortSignal): Promise<void> {
  const letters = (await cli.connect()).group(group);
  const progress = cli.progress("dead letters written");
  let [written, unreadable] = [0, 0];
  try {
    const pages = pagesOf((cursor) => letters.deadLetters({ limit: PAGE, ...(cursor !== undefined && { cursor }) }, { signal }));
    for await (const page of pages) {
      if (page.items.length > 0) await write(page.items.map((item) => `${JSON.stringify(item)}\n`).join(""));
      written += page.items.length;
      unreadable += page.unreadable?.length ?? 0;
      progress.advance(page.items.length);
    }
  } finally {
    progress.end();
  }
  cli.output.note(`${written} dead letters of ${group} were written.`);
  if (unreadable === 0) return;
  cli.exitCode = EXIT.partly;
  cli.output.note(`${unreadable} cannot be read, and were not written.`);
}
