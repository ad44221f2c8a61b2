import type { LookupAddress } from "node:dns";
import { parseIpAddress } from "../../core/webhooks/ip-address.ts";
import { mayReach, type WebhookTargets } from "../../core/webhooks/webhook-targets.ts";
import { ALLOWED_BY } from "../../core/webhooks/webhook-url.ts";
import { type FailedWebhook, failed } from "./failed-webhook.ts";

/** All addresses of a name, or the address that it is. None, or a rejection: the name has none, or `signal` aborted. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly LookupAddress[]>;

export type ResolvedHost = { readonly ok: true; readonly addresses: readonly LookupAddress[] } | FailedWebhook;

/** The addresses of `host` to which a connection may be made. Others are left out, because it suffices not to connect to them. */
export async function resolveHost(
  host: string,
  targets: WebhookTargets,
  lookup: Lookup,
  signal: AbortSignal,
): Promise<ResolvedHost> {
  const found = await lookup(host, signal).catch(() => []);
  if (found.length === 0) return failed("dns", "The host's name cannot be resolved.");
  const addresses = found.filter((entry) => {
    const address = parseIpAddress(entry.address);
    return address !== undefined && mayReach(targets, address);
  });
  if (addresses.length > 0) return { ok: true, addresses };
  return failed(
    "refused-address",
    `The host resolves to private, local or reserved addresses, where webhooks go only if the server was started with ${ALLOWED_BY}.`,
  );
}
