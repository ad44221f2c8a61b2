import { createHash } from "node:crypto";
import { FileSystem } from "aws-cdk-lib";
import type { Deployment } from "./deployment.ts";
import { FUNCTION_KINDS, type FunctionKind, functionName, LIVE } from "./function-names.ts";

/** The interval of the schedule. */
export const TICK_SECONDS = 60;

/** Source maps are not deployed. */
export const NOT_DEPLOYED = ["*.map"];

/** A function, without the stores that it works on. */
export interface FunctionPlan {
  readonly description: string;
  /** Folder with `index.mjs`, which exports `handler`. */
  readonly bundle: string;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

export type FunctionPlans = Readonly<Record<FunctionKind, FunctionPlan>>;

/** libuv uses half of its threads for lookups. With the default four, two names with silent servers would block the stores'. */
const THREADS = { UV_THREADPOOL_SIZE: "16" };

/** `bundles`: folder with `api/`, `maintenance/` and `scanner/`. `longPollSeconds`: the longest wait of a long poll. */
export function planFunctions(deployment: Deployment, bundles: string, longPollSeconds: number): FunctionPlans {
  const { name, logLevel, timerShards, corsOrigins, apiKeySha256 } = deployment;
  const common = { LOG_LEVEL: logLevel, ...THREADS };
  const plans: FunctionPlans = {
    api: {
      description: "Apogee HTTP API",
      bundle: `${bundles}/api`,
      // Memory for the caches and the largest request. A waiting consumer occupies an instance, billed by its size.
      memoryMiB: deployment.apiMemory,
      // Time for the longest poll, and for a slow store at its end.
      timeoutSeconds: 30,
      environment: {
        ...common,
        API_KEY_SHA256: apiKeySha256.join(","),
        ...(corsOrigins.length > 0 ? { CORS_ORIGINS: corsOrigins.join(",") } : {}),
        LONG_POLL_SECONDS_MAX: String(longPollSeconds),
        SCANNER_FUNCTION: `${functionName(name, "scanner")}:${LIVE}`,
        TIMER_SHARDS: String(timerShards),
      },
    },
    maintenance: {
      description: "Apogee maintenance, every minute",
      bundle: `${bundles}/maintenance`,
      memoryMiB: 512,
      timeoutSeconds: TICK_SECONDS,
      environment: { ...common, DEPLOYMENT: name },
    },
    scanner: {
      description: "Apogee scanner of delayed messages and transactions, every minute and when rung",
      bundle: `${bundles}/scanner`,
      // Memory for the largest messages of several queues at once, and for the largest checks.
      memoryMiB: deployment.scannerMemory,
      // A run goes on until the next tick relieves it. If it is behind, it goes on for as long as it may and shares its work.
      timeoutSeconds: 5 * TICK_SECONDS,
      environment: { ...common, DEPLOYMENT: name, TIMER_SHARDS: String(timerShards) },
    },
  };
  return withRelease(plans, [deployment.tableName ?? ""]);
}

/**
 * Names the release in each function's environment. So a change of one function makes a new version of all, and a rollback leads all of
 * them to the same release. `others`: further parts that make up a version.
 */
function withRelease(plans: FunctionPlans, others: readonly string[]): FunctionPlans {
  const hash = createHash("sha256").update(JSON.stringify(others));
  for (const kind of FUNCTION_KINDS) {
    const { bundle, ...plan } = plans[kind];
    hash.update(JSON.stringify([plan, FileSystem.fingerprint(bundle, { exclude: NOT_DEPLOYED })]));
  }
  const RELEASE = hash.digest("hex").slice(0, 12);
  const released = (plan: FunctionPlan): FunctionPlan => ({ ...plan, environment: { ...plan.environment, RELEASE } });
  return { api: released(plans.api), maintenance: released(plans.maintenance), scanner: released(plans.scanner) };
}
