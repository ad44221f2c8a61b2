import { badField } from "../errors.ts";
import { parseIpAddress } from "./ip-address.ts";
import { isRedacted } from "./redacted-url.ts";
import { mayReach, type WebhookTargets } from "./webhook-targets.ts";

const WEBHOOK_URL_CHARS_MAX = 2_048;

/** The setting that allows other than public addresses, with a value for trying it on one machine. */
export const ALLOWED_BY = "their range in WEBHOOK_ALLOW_PRIVATE, as in WEBHOOK_ALLOW_PRIVATE=127.0.0.0/8";

export type WebhookUrl =
  | { readonly ok: true; readonly url: URL }
  | { readonly ok: false; readonly reason: "refused-url" | "refused-address"; readonly detail: string };

/** Forms that the parser of the URL standard would mend, drop or read differently. */
const SHAPE: readonly { readonly holds: RegExp; readonly detail: string }[] = [
  {
    holds: /^[\x21-\x7e]*$/,
    detail: "A webhook URL is printable ASCII: percent-encode the rest, and write the host in Punycode.",
  },
  { holds: /^https?:\/\/[^/]/i, detail: "Give an absolute URL, as in https://example.com/checks." },
  { holds: /^[^\\]*$/, detail: "A webhook URL may not hold a backslash." },
  { holds: /^[^#]*$/, detail: "A webhook URL has no fragment: take away what starts with '#'." },
  {
    holds: /^[^/]*\/\/[^/?@]*([/?]|$)/,
    detail: "A webhook URL may not hold a user name or password: its requests are signed instead.",
  },
];

/** The addresses that `localhost` may resolve to. */
const LOOPBACK = ["127.0.0.1", "::1"];

/**
 * An absolute https URL, without user name, password or fragment, whose host is not an address that webhooks may not reach. A name can
 * still resolve to such an address: the connecting code checks that. Odd spellings of addresses (octal, hexadecimal, one number,
 * percent-encoded) mean what they mean to the URL standard's parser, whose result is also what is connected to.
 */
export function parseWebhookUrl(text: string, targets: WebhookTargets): WebhookUrl {
  if (text.length > WEBHOOK_URL_CHARS_MAX) return refusedUrl(`A webhook URL has at most ${WEBHOOK_URL_CHARS_MAX} characters.`);
  const flaw = SHAPE.find(({ holds }) => !holds.test(text));
  if (flaw !== undefined) return refusedUrl(flaw.detail);
  const url = urlOf(text);
  if (url === undefined) return refusedUrl("The URL cannot be read: its host or its port is not valid.");
  if (url.protocol !== "https:" && !targets.allowHttp) {
    return refusedUrl("Use https: webhooks go over plain HTTP only where the server was started with WEBHOOK_ALLOW_HTTP=true.");
  }
  if (url.hostname.endsWith(".")) return refusedUrl("Write the host without the dot at its end.");
  if (!mayNameReach(hostOf(url), targets)) {
    return {
      ok: false,
      reason: "refused-address",
      detail: `Webhooks go to private, local or reserved addresses only where the server was started with ${ALLOWED_BY}.`,
    };
  }
  return { ok: true, url };
}

/** Errors: BAD_REQUEST, which names `field`. */
export function checkWebhookUrl(field: string, text: string, targets: WebhookTargets): void {
  const parsed = parseWebhookUrl(text, targets);
  if (parsed.ok && !isRedacted(text)) return;
  const detail = parsed.ok
    ? "Its query is as an answer shows it. Give all of the URL, or leave it out to keep it."
    : parsed.detail;
  throw badField(field, detail);
}

/** A name, or an address without the brackets that IPv6 has in a URL. */
export const hostOf = ({ hostname }: URL): string => (hostname.startsWith("[") ? hostname.slice(1, -1) : hostname);

function mayNameReach(host: string, targets: WebhookTargets): boolean {
  const addresses = /^(.+\.)?localhost$/.test(host) ? LOOPBACK : [host];
  return addresses.some((text) => {
    const address = parseIpAddress(text);
    return address === undefined || mayReach(targets, address);
  });
}

function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

const refusedUrl = (detail: string): WebhookUrl => ({ ok: false, reason: "refused-url", detail });
