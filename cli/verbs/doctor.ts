import { performance } from "node:perf_hooks";
import type { Apogee } from "../../client/apogee.ts";
import { ApogeeError } from "../../client/apogee-error.ts";
import type { Cli } from "../cli.ts";
import type { Colours } from "../colours.ts";
import type { Connection } from "../connection.ts";
import { contextsPath, FILE_MODE, modeOf } from "../contexts.ts";
import { EXIT } from "../exit-codes.ts";
import { failureLine } from "../failures.ts";
import { type Define, examples } from "../verb.ts";

/** One thing that was looked at. */
interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "failed";
  readonly detail: string;
  /** What to do about it, where something is wrong. */
  readonly advice?: string;
}

const PROBES = 5;
const PROBE_TIMEOUT_MS = 10_000;
const LATENCY_MS_MAX = 500;
/** The broker's clock names seconds. */
const CLOCK_SECONDS_MAX = 5;

export const defineDoctor: Define = (command, cli) => {
  examples(command, ["apogee doctor", "apogee doctor --context prod --json"]).action(async () => {
    const failed = await examine(cli);
    if (failed) cli.exitCode = EXIT.error;
  });
};

/** Says what it finds as it finds it; answers whether anything failed. */
async function examine(cli: Cli): Promise<boolean> {
  let failed = false;
  const say = async (finding: Finding): Promise<void> => {
    failed ||= finding.status === "failed";
    await cli.output.next(finding, (colours) => findingText(finding, colours));
  };
  await say({ check: "node", status: "ok", detail: `Node.js ${process.version}` });
  await say(await fileFinding(contextsPath(cli.environment)));
  const connection = await cli.connection();
  const probe = await probed(connection);
  await say(probe.connection);
  if (probe.connection.status === "failed") return failed;
  for (const finding of probe.more) await say(finding);
  const apogee = await cli.connect();
  await say(await keyFinding(apogee, connection));
  await say(await storeFinding(apogee, connection.endpoint));
  return failed;
}

async function fileFinding(path: string): Promise<Finding> {
  const mode = await modeOf(path);
  const check = "config";
  if (mode === undefined) return { check, status: "ok", detail: `${path} is not there: no contexts` };
  const detail = `${path} has mode ${mode.toString(8)}`;
  if ((mode & ~FILE_MODE) === 0 || process.platform === "win32") return { check, status: "ok", detail };
  return { check, status: "warning", detail, advice: `others can read its API keys: chmod 600 ${path}` };
}

interface Probe {
  readonly connection: Finding;
  readonly more: readonly Finding[];
}

/** Asks for the health of the server some times: the first one also opens the connection. */
async function probed({ endpoint, source }: Connection): Promise<Probe> {
  const check = "connection";
  const times: number[] = [];
  let aheadMs = 0;
  try {
    for (let probe = 0; probe < PROBES; probe++) {
      const startedMs = performance.now();
      const response = await fetch(`${endpoint}/healthz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      await response.arrayBuffer();
      times.push(performance.now() - startedMs);
      aheadMs = Date.parse(response.headers.get("date") ?? "") - Date.now();
      if (!response.ok) {
        const detail = `${endpoint} (${source}) answered ${response.status} to /healthz`;
        return { connection: { check, status: "failed", detail, advice: "is this the address of an Apogee server?" }, more: [] };
      }
    }
  } catch (error) {
    const { cause, message } = error as Error;
    const reason = cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
    const detail = `${endpoint} (${source}) cannot be reached: ${reason}`;
    const advice = "start a server with apogee start, or give another --endpoint or --context";
    return { connection: { check, status: "failed", detail, advice }, more: [] };
  }
  return {
    connection: { check, status: "ok", detail: `${endpoint} (${source})` },
    more: [latencyFinding(Math.min(...times)), clockFinding(aheadMs)],
  };
}

function latencyFinding(ms: number): Finding {
  const detail = `${ms.toFixed(1)} ms for an answer, the best of ${PROBES}`;
  if (ms <= LATENCY_MS_MAX) return { check: "latency", status: "ok", detail };
  return { check: "latency", status: "warning", detail, advice: "the way to the server is long or the server is busy" };
}

function clockFinding(aheadMs: number): Finding {
  const check = "clock";
  if (Number.isNaN(aheadMs)) return { check, status: "warning", detail: "the server does not say its time" };
  const seconds = Math.round(aheadMs / 1_000);
  const detail = `the server's clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead"}`;
  if (Math.abs(seconds) <= CLOCK_SECONDS_MAX) return { check, status: "ok", detail };
  return { check, status: "warning", detail, advice: "set both clocks by NTP: delayed messages come by the server's" };
}

async function keyFinding(apogee: Apogee, { apiKey }: Connection): Promise<Finding> {
  const check = "key";
  try {
    await apogee.call("get", "/v1/topics", { query: { limit: 1 } });
    return { check, status: "ok", detail: apiKey === undefined ? "the server asks for no API key" : "the API key is accepted" };
  } catch (error) {
    const isRefused = ApogeeError.is(error) && (error.status === 401 || error.status === 403);
    const given =
      apiKey === undefined ? "set APOGEE_API_KEY, or add a context with a key" : "check the key: the server has another";
    return { check, status: "failed", detail: failureLine(error), advice: isRefused ? given : "look into the log of the server" };
  }
}

async function storeFinding(apogee: Apogee, endpoint: string): Promise<Finding> {
  const check = "store";
  try {
    const { format, writes, newest } = await apogee.call("get", "/v1/store", {});
    const detail = `format ${format}, written as ${writes}, newest known ${newest}`;
    if (format >= newest) return { check, status: "ok", detail };
    const advice = `once no older server runs any more, raise it: curl -X POST ${endpoint}/v1/store/raise`;
    return { check, status: "warning", detail, advice };
  } catch (error) {
    return { check, status: "failed", detail: failureLine(error, endpoint), advice: "look into the log of the server" };
  }
}

function findingText({ check, status, detail, advice }: Finding, { good, doubtful, bad }: Colours): string {
  const paint = { ok: good, warning: doubtful, failed: bad }[status];
  const line = `${paint(status.padEnd(8))} ${check.padEnd(11)} ${detail}\n`;
  return advice === undefined ? line : `${line}${" ".repeat(21)}${advice}\n`;
}
