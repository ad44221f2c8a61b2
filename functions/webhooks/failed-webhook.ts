import type { WebhookFailure } from "../../core/ports/webhooks.ts";

export interface FailedWebhook {
  readonly ok: false;
  readonly reason: WebhookFailure;
  readonly detail: string;
}

export const failed = (reason: WebhookFailure, detail: string): FailedWebhook => ({ ok: false, reason, detail });
