import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { crc32 } from "node:zlib";
import { type S3Answer, S3Refusal } from "./s3-answer.ts";
import { S3Bucket, type StoredObject } from "./s3-bucket.ts";

export interface S3Request {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** The part of S3's API that stores objects, with buckets in the path. Errors: `S3Refusal`. */
export class S3Requests {
  readonly #buckets = new Map<string, S3Bucket>();

  /** Decides and applies the request at once, so concurrent requests have an order. */
  answer(request: S3Request): S3Answer {
    if (request.headers.authorization === undefined) throw new S3Refusal(403, "AccessDenied", "The request is not signed");
    const { pathname } = new URL(request.url, "http://s3");
    const [name = "", ...rest] = pathname.slice(1).split("/").map(decodeURIComponent);
    const key = rest.join("/");
    if (key === "" && request.method === "PUT") return this.#createBucket(name);
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Refusal(404, "NoSuchBucket", "The specified bucket does not exist");
    if (key === "") throw new S3Refusal(501, "NotImplemented", "Buckets are created here, and no more");
    switch (request.method) {
      case "PUT":
        return put(bucket, key, request);
      case "GET":
      case "HEAD":
        return get(found(bucket, key), request.headers);
      default:
        throw new S3Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource");
    }
  }

  #createBucket(name: string): S3Answer {
    if (this.#buckets.has(name)) throw new S3Refusal(409, "BucketAlreadyOwnedByYou", "You already own it");
    this.#buckets.set(name, new S3Bucket());
    return { status: 200 };
  }
}

function put(bucket: S3Bucket, key: string, { headers, body }: S3Request): S3Answer {
  checkIntegrity(headers, body);
  const { etag } = bucket.put(key, body, text(headers["x-amz-checksum-crc32"]));
  return { status: 200, headers: { etag } };
}

/** Refuses a body that did not arrive as it was sent. */
function checkIntegrity(headers: IncomingHttpHeaders, body: Buffer): void {
  const sha256 = text(headers["x-amz-content-sha256"]) ?? "";
  if (sha256.startsWith("STREAMING-")) throw new S3Refusal(501, "NotImplemented", "Bodies come whole");
  if (headers["content-length"] === undefined) throw new S3Refusal(411, "MissingContentLength", "Content-Length is missing");
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  const sent = text(headers["x-amz-checksum-crc32"]);
  if (sent !== undefined && sent !== checksum.toString("base64")) {
    throw new S3Refusal(400, "BadDigest", "The CRC32 you specified did not match the calculated checksum.");
  }
  if (/^[0-9a-f]{64}$/.test(sha256) && sha256 !== createHash("sha256").update(body).digest("hex")) {
    throw new S3Refusal(400, "XAmzContentSHA256Mismatch", "The provided x-amz-content-sha256 does not match what was computed.");
  }
}

function found(bucket: S3Bucket, key: string): StoredObject {
  const object = bucket.get(key);
  if (object === undefined) throw new S3Refusal(404, "NoSuchKey", "The specified key does not exist.");
  return object;
}

function get({ bytes, etag, crc32: checksum }: StoredObject, headers: IncomingHttpHeaders): S3Answer {
  const common = { etag, "accept-ranges": "bytes", "content-type": "application/octet-stream" };
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
  if (range === null) {
    const asked = headers["x-amz-checksum-mode"] === "ENABLED" && checksum !== undefined;
    const whole = asked ? { "x-amz-checksum-crc32": checksum, "x-amz-checksum-type": "FULL_OBJECT" } : {};
    return { status: 200, headers: { ...common, ...whole }, body: bytes };
  }
  const first = Number(range[1]);
  const last = Math.min(Number(range[2]), bytes.length - 1);
  if (first > last) throw new S3Refusal(416, "InvalidRange", "The requested range is not satisfiable");
  return {
    status: 206,
    headers: { ...common, "content-range": `bytes ${first}-${last}/${bytes.length}` },
    body: bytes.subarray(first, last + 1),
  };
}

const text = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? header[0] : header);
