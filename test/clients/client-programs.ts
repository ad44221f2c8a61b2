import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Checks } from "../e2e/checks.ts";
import { type Case, casesOf, RESTART, resourceName } from "./cases.ts";
import type { ClientLanguage, Installation, Program } from "./languages.ts";
import { ACCESS_KEY, type ClientsServer, put, runServer, SECRET_KEY } from "./run-server.ts";

/** What may be between the time when a message is due and its arrival, on a machine that is busy with three languages. */
const LATE_MS_MAX = 1_000;
/** Clients sign the time of their own zone, and call it UTC. */
const TIME_ZONE = "Asia/Kolkata";
const PROGRAM_MS_MAX = 5 * 60_000;
/** "case NAME ok|FAIL MILLISECONDS REMARK", as programs print it when a case has ended. */
const RESULT = /^case (?<name>\S+) (?<result>ok|FAIL) (?<ms>\d+) ?(?<remark>.*)$/;

export interface ClientsRun extends Installation {
  readonly checks: Checks;
  readonly server: ClientsServer;
}

/** Every case of a language, against the server that all languages share. */
export async function runCases(run: ClientsRun, language: ClientLanguage, program: Program): Promise<void> {
  const cases = casesOf(language.name);
  await makeResources(run.server, language, cases);
  await runProgram(run, language, { program, cases, server: run.server, log: language.name });
}

/** The case whose server is killed while it runs. */
export async function runRestart(run: ClientsRun, language: ClientLanguage, program: Program): Promise<void> {
  const log = `${language.name}-restart`;
  let server = await runServer(run.folder, `${log}-server`);
  try {
    await makeResources(server, language, [RESTART]);
    const onReady = async (): Promise<void> => {
      await server.kill();
      server = await server.restart();
    };
    await runProgram(run, language, { program, cases: [RESTART], server, log, onReady });
  } finally {
    await server.stop();
  }
}

async function makeResources(server: ClientsServer, language: ClientLanguage, cases: readonly Case[]): Promise<void> {
  for (const one of cases) {
    const name = resourceName(language.name, one);
    await put(server, `topics/${name}`, { type: one.topic });
    if (one.group !== undefined) await put(server, `groups/${name}`, one.group);
  }
}

interface ProgramRun {
  readonly program: Program;
  readonly cases: readonly Case[];
  readonly server: ClientsServer;
  /** The log's name. */
  readonly log: string;
  /** Done when the program says that it is ready, and then told to it. */
  readonly onReady?: () => Promise<void>;
}

/** Runs a language's program, and counts a result for each of the cases. */
async function runProgram(run: ClientsRun, language: ClientLanguage, programRun: ProgramRun): Promise<void> {
  const { program, cases, server, log, onReady } = programRun;
  const child = run.processes.start({
    file: program.file,
    args: [
      ...program.args,
      ...[server.endpoints, ACCESS_KEY, SECRET_KEY, language.name, String(LATE_MS_MAX)],
      ...cases.map(({ name }) => name),
    ],
    env: { ...process.env, TZ: TIME_ZONE, ...program.env },
    logFile: join(run.folder, `${log}.log`),
    piped: true,
  });
  const gone = once(child, "close");
  const timer = setTimeout(() => child.kill("SIGKILL"), PROGRAM_MS_MAX);
  const waiting = new Map(cases.map((one) => [one.name, one]));
  if (child.stdout === null) throw new Error("the program has no stdout");
  for await (const line of createInterface(child.stdout)) {
    if (line === "ready") {
      await onReady?.();
      child.stdin?.write("restarted\n");
    }
    const { name = "", result, ms, remark = "" } = RESULT.exec(line)?.groups ?? {};
    const one = waiting.get(name);
    if (one === undefined) continue;
    waiting.delete(name);
    run.checks.record({ name: `${language.title}: ${one.title}`, ok: result === "ok", ms: Number(ms), remark });
  }
  const [code, signal] = await gone;
  clearTimeout(timer);
  for (const { title } of waiting.values()) {
    const remark = `the program ended with ${code ?? signal} before it had a result; see ${log}.log`;
    run.checks.record({ name: `${language.title}: ${title}`, ok: false, ms: 0, remark });
  }
}
