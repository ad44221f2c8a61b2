import { createHash } from "node:crypto";
import { z } from "zod";
import { suggestion } from "../core/names.ts";
import { type Environment, InvalidSetting, readSetting, readTable, type SettingsOf } from "../functions/runtime/settings.ts";
import { OPTIONS } from "./options.ts";

const KEYS = /^[\x21-\x2b\x2d-\x7e]{32,}(,[\x21-\x2b\x2d-\x7e]{32,})?$/;

/** One key, or two while one replaces the other. A hash protects only keys too long to be guessed. */
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

/** One deployment. It has only the SHA-256 of a key, in hex: the key itself never leaves the machine that deploys. */
export interface Deployment extends SettingsOf<typeof OPTIONS> {
  readonly apiKeySha256: readonly string[];
}

/**
 * Context entries that are not options: feature flags of the CDK and other packages (`@aws-cdk/…`), settings of its command line
 * (`aws:cdk:…`, `aws-cdk:…`), and lookups in an account (`ami:account=…:region=…`).
 */
const OF_THE_CDK = /^(?:@[\w-]+\/|aws:cdk:|aws-cdk:|[a-z-]+:\S*=)/;
/** The command line writes these two itself, for `cdk acknowledge` and `cdk cli-telemetry`. */
const WRITTEN_BY_THE_CDK = ["acknowledged-issue-numbers", "cli-telemetry"];

/** `context`: the CDK's context; values from the command line are text. Errors: `InvalidSetting`, also for unknown options. */
export function readDeployment(context: Readonly<Record<string, unknown>>, environment: Environment): Deployment {
  for (const name of Object.keys(context)) {
    if (Object.hasOwn(OPTIONS, name) || OF_THE_CDK.test(name) || WRITTEN_BY_THE_CDK.includes(name)) continue;
    const shown = name.slice(0, 64);
    throw new InvalidSetting(
      `There is no option '${shown}'.${suggestion(shown, Object.keys(OPTIONS))} docs/deploy.md lists them.`,
    );
  }
  const given = Object.keys(OPTIONS).map((name) => [name, String(context[name] ?? "")] as const);
  const keys = readSetting(API_KEY, environment);
  return {
    ...readTable(OPTIONS, Object.fromEntries(given)),
    apiKeySha256: keys.map((key) => createHash("sha256").update(key).digest("hex")),
  };
}
