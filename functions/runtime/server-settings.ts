import { z } from "zod";
import { API_KEYS } from "./api-keys.ts";
import { GRPC_SETTINGS } from "./grpc-settings.ts";
import { LOG_FORMATS } from "./log-printer.ts";
import { refuseMisspelt } from "./misspelt-settings.ts";
import {
  type Environment,
  InvalidSetting,
  oneOf,
  optional,
  readTable,
  type SettingsOf,
  type SettingTable,
  wholeNumber,
} from "./settings.ts";
import { LOG_LEVEL_SETTING, placeSettings } from "./shared-settings.ts";
import { TIMER_SETTINGS } from "./timer-settings.ts";
import { ALLOWED_HOSTS_SETTING, CORS_SETTINGS } from "./web-settings.ts";
import { WEBHOOK_SETTINGS } from "./webhook-settings.ts";

const ANY_TEXT = /./;
const someText = z.string().min(1, "must not be empty");

/** Every setting of the server. The README prints this table, and a test keeps the two alike. */
export const SERVER_SETTINGS = {
  port: {
    env: "PORT",
    schema: wholeNumber(0, 65_535),
    default: "8080",
    unit: "",
    description: "TCP port to listen on; 0 takes a free one.",
  },
  host: {
    env: "HOST",
    schema: someText,
    default: "127.0.0.1",
    unit: "",
    description: "Address to listen on; 0.0.0.0 opens it to the network, and wants `API_KEY` or `ALLOWED_HOSTS`.",
  },
  apiKeys: {
    env: "API_KEY",
    schema: API_KEYS,
    default: "",
    unit: "",
    description:
      "Key of 32 to 512 characters that every request must carry as `Authorization: Bearer <key>`, but for health checks and the pages at `/`, `/docs` and `/errors`; two, separated by a comma, while it is replaced. Without one the server is for programs of this machine alone.",
    secret: true,
  },
  allowedHosts: ALLOWED_HOSTS_SETTING,
  ...CORS_SETTINGS,
  store: {
    env: "STORE",
    schema: oneOf(["embedded", "aws"]),
    default: "embedded",
    unit: "",
    description: "`embedded` keeps everything in `DATA_DIR`, `aws` in `TABLE` and `BUCKET`, which several servers may share.",
  },
  dataDirectory: {
    env: "DATA_DIR",
    schema: someText,
    default: "./data",
    unit: "",
    description: "Folder of the embedded store; one process at a time may hold it.",
  },
  acceptDataLoss: {
    env: "ACCEPT_DATA_LOSS",
    schema: oneOf(["true", "false"]).transform((text) => text === "true"),
    default: "false",
    unit: "",
    description: "`true` starts on a damaged `DATA_DIR` without what cannot be read in it, where otherwise the start is refused.",
  },
  ...placeSettings(optional(ANY_TEXT, ""), {
    table: "DynamoDB table of the AWS store.",
    bucket: "S3 bucket of the AWS store.",
    region: "Region of the table and the bucket; credentials are found where AWS's SDK looks for them.",
  }),
  logLevel: LOG_LEVEL_SETTING,
  logFormat: {
    env: "LOG_FORMAT",
    schema: oneOf(LOG_FORMATS),
    default: "auto",
    unit: "",
    description:
      "`pretty` logs lines for people, `json` lines for programs; `auto` does the first on a terminal and the second elsewhere.",
  },
  shutdownGraceSeconds: {
    env: "SHUTDOWN_GRACE_SECONDS",
    schema: wholeNumber(0, 3_600),
    default: "10",
    unit: "seconds",
    description: "Time that requests in flight get to finish after SIGTERM or SIGINT.",
  },
  requestMemoryMib: {
    env: "REQUEST_MEMORY_MIB",
    schema: wholeNumber(16, 65_536),
    default: "256",
    unit: "MiB",
    description: "Bytes of request bodies held at once; beyond it requests are answered 503.",
  },
  answerMemoryMib: {
    env: "ANSWER_MEMORY_MIB",
    schema: wholeNumber(16, 65_536),
    default: "64",
    unit: "MiB",
    description:
      "Bytes of answers that clients have not taken yet; beyond it reads wait, and clients that take nothing are cut off.",
  },
  ...TIMER_SETTINGS,
  ...WEBHOOK_SETTINGS,
  ...GRPC_SETTINGS,
} as const satisfies SettingTable;

export type ServerSettings = SettingsOf<typeof SERVER_SETTINGS>;

/** Errors: `InvalidSetting`, also for settings that would leave the server more open than stated. */
export function readServerSettings(environment: Environment): ServerSettings {
  refuseMisspelt(SERVER_SETTINGS, environment);
  const settings = readTable(SERVER_SETTINGS, environment);
  if (settings.apiKeys.length === 0) checkOpen(settings);
  return settings;
}

const THIS_MACHINE = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

function checkOpen({ host, allowedHosts, corsOrigins }: ServerSettings): void {
  if (!THIS_MACHINE.test(host) && allowedHosts.length === 0) {
    throw new InvalidSetting(
      `HOST is ${JSON.stringify(host)}, where other machines reach the server, and there is no API_KEY. Set API_KEY ` +
        "(openssl rand -hex 32), or ALLOWED_HOSTS to the names by which whoever is there may use it, or * for any.",
    );
  }
  if (corsOrigins.includes("*"))
    throw new InvalidSetting("CORS_ORIGINS is *, which lets every web page use a server without API_KEY. Name the origins.");
}

/** Where the AWS stores are. Errors: `InvalidSetting` for a missing one. */
export function awsPlaceOf(settings: ServerSettings) {
  const need = (name: "table" | "bucket" | "region"): string => {
    const value = settings[name];
    if (value === undefined) throw new InvalidSetting(`${SERVER_SETTINGS[name].env} must be set where STORE is aws.`);
    return value;
  };
  const { endpoint } = settings;
  return { table: need("table"), bucket: need("bucket"), region: need("region"), ...(endpoint ? { endpoint } : {}) };
}
