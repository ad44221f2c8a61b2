import { readFile } from "node:fs/promises";
import type { Cli } from "./cli.ts";
import { UsageFailure } from "./failures.ts";

/** All of standard input. */
export async function readAll(stdin: Cli["stdin"]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** `-` is standard input, `@file` a file, and anything else itself. Bytes that are no text stay bytes. */
export async function readBody(argument: string, stdin: Cli["stdin"]): Promise<string | Uint8Array> {
  if (argument === "-") return textOrBytes(await readAll(stdin));
  if (!argument.startsWith("@")) return argument;
  const bytes = await readFile(argument.slice(1)).catch((error: Error) => {
    throw new UsageFailure(`${argument.slice(1)} cannot be read: ${error.message}`);
  });
  return textOrBytes(bytes);
}

function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes;
  }
}

/** Lines that arrived together, so that what trickles in waits for nothing. Empty lines are left out. */
export async function* lineGroups(stdin: Cli["stdin"]): AsyncGenerator<readonly string[], void, undefined> {
  const decoder = new TextDecoder();
  let begun = "";
  for await (const chunk of stdin) {
    const lines = (begun + decoder.decode(Buffer.from(chunk), { stream: true })).split("\n");
    begun = lines.pop() ?? "";
    yield lines.filter((line) => line.trim() !== "");
  }
  if (begun.trim() !== "") yield [begun];
}
