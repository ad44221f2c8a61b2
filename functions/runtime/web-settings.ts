import { z } from "zod";
import type { SettingTable } from "./settings.ts";

/** An origin as browsers write it: scheme, host, and the port if it is not the scheme's own. */
const ORIGIN = /^(?:https?:\/\/(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?|\*)$/;
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[?[0-9a-f:.]+\]?|\*)$/i;

const listOf = (part: RegExp, message: string) =>
  z
    .string()
    .transform((text) => (text === "" ? [] : text.split(",").map((one) => one.trim())))
    .refine((parts) => parts.every((one) => part.test(one)), message);

/** A row for the tables of processes that web pages may call. */
export const CORS_SETTINGS = {
  corsOrigins: {
    env: "CORS_ORIGINS",
    schema: listOf(ORIGIN, "must be origins separated by commas, as in https://console.example,http://localhost:5173, or *"),
    default: "",
    unit: "",
    description:
      "Origins whose web pages may call the API, separated by commas; `*` for any, where a key is wanted. Without it no page of another origin may.",
  },
} as const satisfies SettingTable;

export const ALLOWED_HOSTS_SETTING = {
  env: "ALLOWED_HOSTS",
  schema: listOf(HOST, "must be names or addresses separated by commas, as in broker.internal,10.0.0.7, or *"),
  default: "",
  unit: "",
  description:
    "Names and addresses by which a server without `API_KEY` may be called, besides `localhost`, separated by commas; `*` for any. To listen beyond this machine such a server wants it.",
} as const;
