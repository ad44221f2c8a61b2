import { z } from "zod";
import { type AddressRange, parseAddressRange } from "../../core/webhooks/address-range.ts";
import type { WebhookTargets } from "../../core/webhooks/webhook-targets.ts";
import { oneOf, type SettingsOf, type SettingTable } from "./settings.ts";

const RANGES = "must be addresses or ranges of them separated by commas, as in 127.0.0.1,10.0.0.0/8,fd00::/8";

/** Rows for the tables of processes that send webhooks. */
export const WEBHOOK_SETTINGS = {
  webhookAllowPrivate: {
    env: "WEBHOOK_ALLOW_PRIVATE",
    schema: z
      .string()
      .transform((text) => (text === "" ? [] : text.split(",").map((part) => parseAddressRange(part.trim()))))
      .refine((ranges): ranges is AddressRange[] => !ranges.includes(undefined), RANGES),
    default: "",
    unit: "",
    description:
      "Private, local or reserved addresses that webhooks may reach all the same, or ranges of them, separated by commas; without it public addresses only.",
  },
  webhookAllowHttp: {
    env: "WEBHOOK_ALLOW_HTTP",
    schema: oneOf(["true", "false"]).transform((text) => text === "true"),
    default: "false",
    unit: "",
    description: "`true` lets webhooks go over plain HTTP, where anyone on the way reads and changes them.",
  },
} as const satisfies SettingTable;

export const webhookTargetsOf = (settings: SettingsOf<typeof WEBHOOK_SETTINGS>): WebhookTargets => ({
  allowHttp: settings.webhookAllowHttp,
  allowedRanges: settings.webhookAllowPrivate,
});
