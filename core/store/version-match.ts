import { BrokerError } from "../errors.ts";
import type { VersionMatch } from "../requests.ts";

/** Names one state of a resource. The HTTP layer quotes it as an ETag. */
export const versionTag = (resource: { readonly uid: string; readonly version: number }): string =>
  `${resource.uid}-${resource.version}`;

/** Errors: PRECONDITION_FAILED if the caller named another state than the current one. */
export function checkVersion(
  current: { readonly uid: string; readonly version: number } | undefined,
  match?: VersionMatch,
): void {
  if (!match) return;
  if (current && (match.etags === "*" || match.etags.includes(versionTag(current)))) return;
  throw new BrokerError("PRECONDITION_FAILED", "It has changed since, or is not there. Read it again and decide anew.");
}
