import { createHmac, timingSafeEqual } from "node:crypto";
import type { Metadata } from "@grpc/grpc-js";
import { Code } from "./generated/apache/rocketmq/v2/definition.ts";
import { RefusedCall } from "./status.ts";

/** The signature covers the date alone, so what was overheard is good for this long. */
const SKEW_MS_MAX = 15 * 60_000;
const ZONE_MS_MAX = 14 * 3_600_000;
const AUTHORIZATION =
  /^MQv2-HMAC-SHA1 +Credential=([^\s,/]{1,255})(?:\/[^\s,]{0,255})?, *SignedHeaders=x-mq-date-time, *Signature=([0-9a-fA-F]{40})(?:,|$)/i;
const DATE_TIME = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;
const FULL = 40;

export interface Credentials {
  readonly accessKey: string;
  /** While a secret is replaced there are two. */
  readonly secrets: readonly string[];
  /** Dates may be local times of any zone. */
  readonly anyTimeZone: boolean;
}

/** A header of RocketMQ's. The Go client sends each once more with every repeat of a call. */
export const headerOf = (metadata: Metadata, name: string): string | undefined => {
  const [value] = metadata.get(name);
  return typeof value === "string" ? value.split(",", 1)[0] : undefined;
};

/**
 * Lets in calls that are signed with a secret of `credentials`. Errors: UNAUTHORIZED.
 * Source: MQv2-HMAC-SHA1 of RocketMQ's clients, and AuthenticationHeader of its proxy, which accepts dates of any age.
 */
export function checkSignature(metadata: Metadata, { accessKey, secrets, anyTimeZone }: Credentials, nowMs: number): void {
  const [authorization = ""] = metadata.get("authorization");
  const [, credential, signature] = AUTHORIZATION.exec(String(authorization)) ?? [];
  const dateTime = headerOf(metadata, "x-mq-date-time") ?? "";
  if (credential === undefined || signature === undefined || !DATE_TIME.test(dateTime))
    throw unauthorized("Calls must be signed with MQv2-HMAC-SHA1 by an access key and a secret of this server.");
  const presented = Buffer.from(signature.padEnd(FULL), "hex");
  let known = false;
  for (const secret of secrets) {
    const expected = createHmac("sha1", secret).update(dateTime).digest();
    if (expected.length === presented.length && timingSafeEqual(expected, presented)) known = true;
  }
  if (!known || !sameText(credential, accessKey)) throw unauthorized("The access key or the secret is not one of this server.");
  const skewMs = Math.abs(nowMs - timeOf(dateTime));
  if (skewMs > SKEW_MS_MAX + (anyTimeZone ? ZONE_MS_MAX : 0))
    throw unauthorized(
      "x-mq-date-time is more than 15 minutes from the server's time in UTC. Clients for Java, Python and Go write their local time: " +
        "run them with TZ=UTC, or the server with GRPC_ANY_TIME_ZONE=true.",
    );
}

const sameText = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

function timeOf(dateTime: string): number {
  const [, year, month, day, hour, minute, second] = (DATE_TIME.exec(dateTime) ?? []).map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day ?? 1, hour ?? 0, minute ?? 0, second ?? 0);
}

export const unauthorized = (message: string): RefusedCall => new RefusedCall(Code.UNAUTHORIZED, message);
