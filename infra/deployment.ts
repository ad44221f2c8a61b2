import { createHash } from "node:crypto";
import { z } from "zod";
import { WAIT_SECONDS_MAX } from "../core/limits.ts";
import { suggestion } from "../core/names.ts";
import {
  type Environment,
  InvalidSetting,
  oneOf,
  optional,
  readSetting,
  readTable,
  type SettingsOf,
  type SettingTable,
  wholeNumber,
} from "../functions/runtime/settings.ts";
import { CORS_SETTINGS } from "../functions/runtime/web-settings.ts";

const flag = () => oneOf(["true", "false"]).transform((text) => text === "true");

/** What a deployment chooses, as context: `-c name=value`. docs/deploy.md prints this table, and a test keeps the two alike. */
export const OPTIONS = {
  name: {
    env: "name",
    schema: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, "must be 1 to 64 of A-Z a-z 0-9 and -, a letter first"),
    default: "Apogee",
    unit: "",
    description: "Prefix of the stacks' names: two names make two deployments in one account.",
  },
  throwaway: {
    env: "throwaway",
    schema: flag(),
    default: "false",
    unit: "",
    description: "`true` lets table and bucket be deleted with their stack, which keeps them otherwise.",
  },
  monitoring: {
    env: "monitoring",
    schema: flag(),
    default: "true",
    unit: "",
    description: "Alarms and a dashboard, which CloudWatch bills by the month.",
  },
  alarmTopicArn: {
    env: "alarmTopicArn",
    schema: optional(/^arn:[^:]+:sns:\S+$/, "must be the ARN of an SNS topic"),
    default: "",
    unit: "",
    description: "SNS topic that alarms notify; without one they show in the console only.",
  },
  concurrency: {
    env: "concurrency",
    schema: optional(/^[1-9]\d{0,5}$/, "must be a whole number from 1 to 999999").transform((text) =>
      text === undefined ? undefined : Number(text),
    ),
    default: "",
    unit: "requests",
    description:
      "Requests served at once, at most, waiting ones included: an upper bound of the bill. Without it the account's own limit holds.",
  },
  longPollSeconds: {
    env: "longPollSeconds",
    schema: wholeNumber(0, WAIT_SECONDS_MAX),
    default: String(WAIT_SECONDS_MAX),
    unit: "seconds",
    description: "Longest wait of a long poll.",
  },
  corsOrigins: { ...CORS_SETTINGS.corsOrigins, env: "corsOrigins" },
  logLevel: {
    env: "logLevel",
    schema: oneOf(["trace", "debug", "info", "warn", "error", "silent"]),
    default: "info",
    unit: "",
    description: "Least level that is logged; `info` has a line per request.",
  },
} as const satisfies SettingTable;

const KEYS = /^[\x21-\x2b\x2d-\x7e]{32,}(,[\x21-\x2b\x2d-\x7e]{32,})?$/;

/** Two while one replaces the other. A hash alone protects only a key too long to be guessed. */
const API_KEY = {
  env: "APOGEE_API_KEY",
  schema: z
    .string()
    .regex(
      KEYS,
      "must be the key that clients will send, 32 characters or more (export APOGEE_API_KEY=$(openssl rand -hex 32)), or two separated by a comma",
    )
    .transform((text) => text.split(",")),
  default: "",
  unit: "",
  description: "The key that clients send; two, separated by a comma, while one replaces the other.",
  secret: true,
} as const;

/** One deployment. Of a key it has the SHA-256 in hex alone: the key itself never leaves the machine that deploys. */
export interface Deployment extends SettingsOf<typeof OPTIONS> {
  readonly apiKeySha256: readonly string[];
}

/** Names with other characters are the CDK's own: its flags, and what it has looked up. */
const OWN_NAME = /^[\w-]+$/;

/** `context`: all that the CDK knows; text when it comes from the command line. Errors: `InvalidSetting`, also for an option there is not. */
export function readDeployment(context: Readonly<Record<string, unknown>>, environment: Environment): Deployment {
  for (const name of Object.keys(context)) {
    if (!OWN_NAME.test(name) || Object.hasOwn(OPTIONS, name)) continue;
    throw new InvalidSetting(
      `There is no option '${name.slice(0, 64)}'.${suggestion(name.slice(0, 64), Object.keys(OPTIONS))} docs/deploy.md lists them.`,
    );
  }
  const given = Object.keys(OPTIONS).map((name) => [name, String(context[name] ?? "")] as const);
  const keys = readSetting(API_KEY, environment);
  return {
    ...readTable(OPTIONS, Object.fromEntries(given)),
    apiKeySha256: keys.map((key) => createHash("sha256").update(key).digest("hex")),
  };
}
