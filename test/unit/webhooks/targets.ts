import type { WebhookTargets } from "../../../core/webhooks/webhook-targets.ts";
import { readTable } from "../../../functions/runtime/settings.ts";
import { WEBHOOK_SETTINGS, webhookTargetsOf } from "../../../functions/runtime/webhook-settings.ts";

/** Public addresses over HTTPS, and the ranges. */
export const targetsOf = (...ranges: readonly string[]): WebhookTargets =>
  webhookTargetsOf(readTable(WEBHOOK_SETTINGS, { WEBHOOK_ALLOW_PRIVATE: ranges.join(",") }));

/** The same, over plain HTTP too. */
export const httpTargetsOf = (...ranges: readonly string[]): WebhookTargets => ({ ...targetsOf(...ranges), allowHttp: true });
