import type { z } from "zod";
import { oneOf, optional, type SettingTable } from "./settings.ts";

/** Rows for the tables of processes that work on AWS's stores. `place` reads one name, and decides whether it is required. */
export const placeSettings = <Place extends z.ZodType<unknown, string>>(
  place: Place,
  descriptions: { readonly table: string; readonly bucket: string; readonly region: string },
) =>
  ({
    table: { env: "TABLE", schema: place, default: "", unit: "", description: descriptions.table },
    bucket: { env: "BUCKET", schema: place, default: "", unit: "", description: descriptions.bucket },
    region: { env: "AWS_REGION", schema: place, default: "", unit: "", description: descriptions.region },
    endpoint: {
      env: "AWS_ENDPOINT_URL",
      schema: optional(/^https?:\/\/\S+$/, "must be an http or https URL"),
      default: "",
      unit: "",
      description: "Where a stand-in for AWS listens.",
    },
  }) as const satisfies SettingTable;

/** A row for the tables of processes that log. */
export const LOG_LEVEL_SETTING = {
  env: "LOG_LEVEL",
  schema: oneOf(["trace", "debug", "info", "warn", "error", "silent"]),
  default: "info",
  unit: "",
  description: "Least level that is logged; `info` has a line per request.",
} as const;
