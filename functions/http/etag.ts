import { badField, notAvailableYet } from "../../core/errors.ts";
import type { VersionMatch } from "../../core/requests.ts";
import { versionTag } from "../../core/store/version-match.ts";

export const ETAG_LIST = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e]*")*\s*$/;
const ETAG = /(W\/)?"([\x21\x23-\x7e]*)"/g;

export const etagOf = (resource: Parameters<typeof versionTag>[0]): string => `"${versionTag(resource)}"`;

/** Reads If-Match. Weak tags never match (RFC 9110). Errors: BAD_REQUEST for a malformed header. */
export function parseIfMatch(header: string | undefined): VersionMatch | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === "*") return { etags: "*" };
  if (!ETAG_LIST.test(header)) {
    const detail = 'Send If-Match as an ETag in double quotes, exactly as the server gave it, such as "abc-1".';
    throw badField("If-Match", detail, detail);
  }
  const etags: string[] = [];
  for (const [, weak, tag] of header.matchAll(ETAG)) if (!weak && tag !== undefined) etags.push(tag);
  return { etags };
}

/** The conditions of a write. If-None-Match is refused: a write that ignored it would overwrite what it should protect. */
export function writeConditions(header: (name: string) => string | undefined): VersionMatch | undefined {
  if (header("if-none-match") !== undefined) throw notAvailableYet("If-None-Match on a write");
  return parseIfMatch(header("if-match"));
}
