import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { lazily } from "../../runtime/lazily.ts";
import type { Reply } from "../reply.ts";

/** A file that is kept packed with gzip, which nearly every client takes. Answers share its bytes. */
export interface PackedFile {
  readonly packed: Uint8Array<ArrayBuffer>;
  /** For clients that do not take gzip. */
  unpacked(): Promise<Uint8Array<ArrayBuffer>>;
  readonly contentType: string;
  /** The ETag of these bytes. Absent: they have none. */
  readonly tag: string | undefined;
}

export const packedFile = (packed: Uint8Array<ArrayBuffer>, contentType: string, tag?: string): PackedFile => ({
  packed,
  unpacked: lazily(() => promisify(gunzip)(packed)),
  contentType,
  tag,
});

const GZIP = /(?:^|[,\s])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i;

/** The reply with a file, according to the request's headers: packed or not, or 304 if it is unchanged. */
export async function fileReply(
  file: PackedFile,
  header: (name: string) => string | undefined,
  cacheControl: string,
): Promise<Reply> {
  const etag = file.tag === undefined ? undefined : `W/"${file.tag}"`;
  const headers = {
    "Cache-Control": cacheControl,
    Vary: "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    ...(etag === undefined ? {} : { ETag: etag }),
  };
  if (etag !== undefined && header("if-none-match")?.includes(etag)) return { status: 304, body: null, headers };
  const typed = { ...headers, "Content-Type": file.contentType };
  if (GZIP.test(header("accept-encoding") ?? "")) {
    return { status: 200, body: file.packed, headers: { ...typed, "Content-Encoding": "gzip" } };
  }
  return { status: 200, body: await file.unpacked(), headers: typed };
}
