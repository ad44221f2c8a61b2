import { z } from "zod";
import { WAIT_SECONDS_MAX } from "../core/limits.ts";
import { oneOf, optional, type SettingTable, wholeNumber } from "../functions/runtime/settings.ts";
import { CORS_SETTINGS } from "../functions/runtime/web-settings.ts";

const flag = () => oneOf(["true", "false"]).transform((text) => text === "true");

const optionalNumber = (min: number, max: number, message: string) =>
  optional(/^\d{1,6}$/, message)
    .transform((text) => (text === undefined ? undefined : Number(text)))
    .refine((value) => value === undefined || (value >= min && value <= max), message);

/** A key and a value, which may be empty, as AWS allows them in tags. Names that begin with aws: are reserved. */
const TAG = /^(?!aws:)[\w.:/+@ -]{1,128}=[\w.:/+@= -]{0,256}$/;

const isTags = (text: string): boolean => {
  const tags = text.split(",");
  const names = tags.map((tag) => tag.slice(0, tag.indexOf("=")));
  return text === "" || (tags.every((tag) => TAG.test(tag)) && new Set(names).size === names.length);
};

/** The retention times that CloudWatch accepts, in days. */
const LOG_DAYS = [
  "1",
  "3",
  "5",
  "7",
  "14",
  "30",
  "60",
  "90",
  "120",
  "150",
  "180",
  "365",
  "400",
  "545",
  "731",
  "1096",
  "1827",
  "2192",
  "2557",
  "2922",
  "3288",
  "3653",
] as const;

/** The options of a deployment, as context: `-c name=value`. docs/deploy.md prints this table, and a test keeps the two alike. */
export const OPTIONS = {
  name: {
    env: "name",
    // With `-maintenance` appended it is a function's name, which has 64 characters at most.
    schema: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,47}$/, "must be 1 to 48 of A-Z a-z 0-9 and -, a letter first"),
    default: "Apogee",
    unit: "",
    description: "Prefix of the names of stacks and functions: two names make two deployments in one account.",
  },
  throwaway: {
    env: "throwaway",
    schema: flag(),
    default: "false",
    unit: "",
    description: "`true` lets table and bucket be deleted with their stack, which keeps them otherwise.",
  },
  tableName: {
    env: "tableName",
    schema: optional(/^[\w.-]{3,255}$/, "must be the name of a DynamoDB table"),
    default: "",
    unit: "",
    description: "Table to work on in place of the deployment's own, such as one that was restored from its backup.",
  },
  kmsKeyArn: {
    env: "kmsKeyArn",
    schema: optional(/^arn:[^:]+:kms:[^:]+:\d{12}:key\/[\w-]+$/, "must be the ARN of a KMS key, not of an alias"),
    default: "",
    unit: "",
    description: "KMS key of yours for table, bucket and logs. Without it DynamoDB, S3 and CloudWatch take keys of their own.",
  },
  tags: {
    env: "tags",
    schema: z
      .string()
      .refine(isTags, "must be tags as team=a,env=b, each name once, none that begins with aws:")
      .transform((text) => (text === "" ? [] : text.split(",")).map(splitTag)),
    default: "",
    unit: "",
    description: "Tags of everything that is deployed: `team=a,env=b`.",
  },
  apiMemory: {
    env: "apiMemory",
    schema: wholeNumber(256, 10_240),
    default: "512",
    unit: "MiB",
    description: "Memory of the API function; its share of a processor grows with it, up to one at 1,769.",
  },
  scannerMemory: {
    env: "scannerMemory",
    schema: wholeNumber(512, 10_240),
    default: "1024",
    unit: "MiB",
    description: "Memory of the scanner; its share of a processor grows with it, up to one at 1,769.",
  },
  timerShards: {
    env: "timerShards",
    schema: wholeNumber(4, 64),
    default: "4",
    unit: "shards",
    description: "Shards of the timers; may be raised on a running deployment, never lowered.",
  },
  concurrency: {
    env: "concurrency",
    schema: optionalNumber(1, 999_999, "must be a whole number from 1 to 999999"),
    default: "",
    unit: "requests",
    description:
      "Requests served at once, at most, waiting ones included: an upper bound of the bill. Without it half of what the account may run at once, where so much can be reserved.",
  },
  accountConcurrency: {
    env: "accountConcurrency",
    schema: optionalNumber(1, 999_999, "must be a whole number from 1 to 999999"),
    default: "",
    unit: "requests",
    description: "What the account may run at once, of which a part is reserved. Without it Lambda is asked.",
  },
  longPollSeconds: {
    env: "longPollSeconds",
    schema: optionalNumber(0, WAIT_SECONDS_MAX, `must be a whole number from 0 to ${WAIT_SECONDS_MAX}`),
    default: "",
    unit: "seconds",
    description: `Longest wait of a long poll. Without it ${WAIT_SECONDS_MAX}, and 2 where nothing is reserved for the scanner.`,
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
  corsOrigins: { ...CORS_SETTINGS.corsOrigins, env: "corsOrigins" },
  logLevel: {
    env: "logLevel",
    schema: oneOf(["trace", "debug", "info", "warn", "error", "silent"]),
    default: "info",
    unit: "",
    description: "Least level that is logged; `info` has a line per request.",
  },
  logRetentionDays: {
    env: "logRetentionDays",
    schema: oneOf(LOG_DAYS).transform(Number),
    default: "30",
    unit: "days",
    description: "How long logs are kept: a number of days that CloudWatch knows, such as 7, 30, 90 or 365.",
  },
} as const satisfies SettingTable;

/** A deployment's tag. */
export interface Tag {
  readonly name: string;
  readonly value: string;
}

function splitTag(text: string): Tag {
  const at = text.indexOf("=");
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}
