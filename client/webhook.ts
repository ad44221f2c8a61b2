import { fromBase64, toBase64 } from "./body.ts";

/** Older and newer ones may be replays: https://www.standardwebhooks.com */
const TOLERANCE_SECONDS = 300;

/** The request is not the broker's, or not of now. */
export class WebhookRefused extends Error {
  override readonly name = "WebhookRefused";
}

/** A request as `fetch` has it, or what a framework has of it: the raw body, before anything has parsed it. */
export type WebhookRequest =
  | Request
  | { readonly headers: Headers | Readonly<Record<string, string | string[] | undefined>>; readonly body: string | Uint8Array };

/**
 * Checks the signature of a webhook by Standard Webhooks, and answers its body. While a secret is replaced, give both. Errors:
 * `WebhookRefused`.
 */
export async function verifyWebhook(
  request: WebhookRequest,
  secret: string | readonly string[],
  { now = Date.now }: { readonly now?: () => number } = {},
): Promise<unknown> {
  const header = headersOf(request);
  const id = header("webhook-id");
  const timestamp = header("webhook-timestamp");
  const signatures = header("webhook-signature").split(" ");
  const ageSeconds = now() / 1_000 - Number(timestamp);
  if (!(Math.abs(ageSeconds) <= TOLERANCE_SECONDS)) throw new WebhookRefused("webhook-timestamp is too far from now.");
  const text = await textOf(request);
  for (const one of typeof secret === "string" ? [secret] : secret) {
    const expected = `v1,${await signatureOf(one, `${id}.${timestamp}.${text}`)}`;
    if (signatures.some((signature) => areEqual(signature, expected))) return JSON.parse(text);
  }
  throw new WebhookRefused("webhook-signature is by no secret.");
}

async function signatureOf(secret: string, signed: string): Promise<string> {
  const bytes = fromBase64(secret.replace(/^whsec_/, ""));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return toBase64(new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signed))));
}

/** In a time that does not tell where they differ. */
function areEqual(a: string, b: string): boolean {
  let differences = a.length ^ b.length;
  for (let at = 0; at < b.length; at++) differences |= (a.charCodeAt(at) || 0) ^ b.charCodeAt(at);
  return differences === 0;
}

function headersOf({ headers }: WebhookRequest): (name: string) => string {
  // Frameworks have names and values among theirs that a `Headers` does not take, such as `:path` of HTTP/2.
  const all = headers instanceof Headers ? [...headers] : Object.entries(headers);
  return (name) => {
    const value = all.find(([key]) => key.toLowerCase() === name)?.[1];
    if (typeof value !== "string") throw new WebhookRefused(`The header ${name} is missing.`);
    return value;
  };
}

async function textOf(request: WebhookRequest): Promise<string> {
  if (request instanceof Request) return request.text();
  return typeof request.body === "string" ? request.body : new TextDecoder().decode(request.body);
}
