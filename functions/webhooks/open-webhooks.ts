import type { BrokerDependencies } from "../../core/create-broker.ts";
import { systemClock } from "../runtime/clock.ts";
import type { SettingsOf } from "../runtime/settings.ts";
import { type WEBHOOK_SETTINGS, webhookTargetsOf } from "../runtime/webhook-settings.ts";
import { askByWebhook } from "./ask-producer.ts";
import { HttpWebhooks } from "./http-webhooks.ts";

/** The webhook dependencies of a broker that fires timers, from the settings of its process. */
export function openWebhooks(
  settings: SettingsOf<typeof WEBHOOK_SETTINGS>,
): Pick<BrokerDependencies, "askProducer" | "webhookTargets"> {
  const webhookTargets = webhookTargetsOf(settings);
  return { webhookTargets, askProducer: askByWebhook(new HttpWebhooks({ targets: webhookTargets }), systemClock) };
}
