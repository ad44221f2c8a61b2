import { z } from "zod";
import { WAIT_SECONDS_MAX } from "../../core/limits.ts";
import { optional, type SettingsOf, type SettingTable, wholeNumber } from "./settings.ts";
import { LOG_LEVEL_SETTING, placeSettings } from "./shared-settings.ts";
import { TIMER_SETTINGS } from "./timer-settings.ts";
import { CORS_SETTINGS } from "./web-settings.ts";
import { WEBHOOK_SETTINGS } from "./webhook-settings.ts";

const given = z.string().min(1, "must be set");

/** A SHA-256, or two while a key is being replaced. */
const KEY_HASHES = /^[0-9a-f]{64}(,[0-9a-f]{64})?$/i;

/** May be qualified with a version or an alias. */
const FUNCTION = /^[\w:$-]{1,170}$/;

/** Read separately: a function that cannot start must still refuse requests without a key. */
export const KEY_HASHES_SETTING = {
  env: "API_KEY_SHA256",
  schema: z
    .string()
    .regex(KEY_HASHES, "must be one or two SHA-256 hashes in hex, separated by a comma")
    .transform((text) => text.split(",").map((hex) => Buffer.from(hex, "hex"))),
  default: "",
  unit: "",
  description:
    "SHA-256 of the key that every request must carry as `Authorization: Bearer <key>`; two, separated by a comma, while it is replaced. Without it every request is refused.",
  secret: true,
} as const;

/** The settings of all functions, set by the stack that deploys them. */
const STACK_SETTINGS = {
  ...placeSettings(given, { table: "DynamoDB table.", bucket: "S3 bucket.", region: "Region of both; Lambda sets it." }),
  logLevel: LOG_LEVEL_SETTING,
} as const satisfies SettingTable;

const DEPLOYMENT_SETTING = {
  env: "DEPLOYMENT",
  schema: optional(/^[\w-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 _ and -"),
  default: "",
  unit: "",
  description: "Name that the metrics of late timers, and of rolling that is behind, carry; without one there are none.",
} as const;

export const MAINTENANCE_SETTINGS = { ...STACK_SETTINGS, deployment: DEPLOYMENT_SETTING } as const satisfies SettingTable;
export const SCANNER_SETTINGS = {
  ...STACK_SETTINGS,
  ...TIMER_SETTINGS,
  ...WEBHOOK_SETTINGS,
  deployment: DEPLOYMENT_SETTING,
} as const satisfies SettingTable;

/** Every setting of the API function. The README prints this table, and a test keeps the two alike. */
export const API_SETTINGS = {
  keyHashes: KEY_HASHES_SETTING,
  ...CORS_SETTINGS,
  ...STACK_SETTINGS,
  ...TIMER_SETTINGS,
  longPollSecondsMax: {
    env: "LONG_POLL_SECONDS_MAX",
    schema: wholeNumber(0, WAIT_SECONDS_MAX),
    default: String(WAIT_SECONDS_MAX),
    unit: "seconds",
    description: "Longest wait of a long poll; must stay below the function's time-out.",
  },
  scannerFunction: {
    env: "SCANNER_FUNCTION",
    schema: optional(FUNCTION, "must be the name or the ARN of a Lambda function"),
    default: "",
    unit: "",
    description:
      "Function to wake for a message that is due before the schedule looks again; without one such a message comes up to a minute late.",
  },
  ...WEBHOOK_SETTINGS,
} as const satisfies SettingTable;

export type ApiSettings = SettingsOf<typeof API_SETTINGS>;
export type MaintenanceSettings = SettingsOf<typeof MAINTENANCE_SETTINGS>;
export type ScannerSettings = SettingsOf<typeof SCANNER_SETTINGS>;
