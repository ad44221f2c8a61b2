import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { OBJECT_BYTES_MAX, type ObjectPage, type ObjectStore, type PutOptions } from "../../core/ports/object-store.ts";
import { checkListLimit, checkObjectBytes, checkObjectKey, checkRange } from "../objects/object-limits.ts";
import type { Telemetry } from "../telemetry.ts";
import { unlessNamed } from "./failed-call.ts";
import { type ServiceCall, ServiceCalls } from "./service-calls.ts";

/** Objects in one S3 bucket. Its role needs `s3:ListBucket` too: without it S3 answers "access denied" for an absent object. */
export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #calls: ServiceCalls;

  constructor(client: S3Client, bucket: string, timeoutMs: number, telemetry?: Telemetry) {
    this.#client = client;
    this.#bucket = bucket;
    this.#calls = new ServiceCalls("objects", `bucket ${bucket}`, timeoutMs, telemetry);
  }

  async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<{ readonly ok: boolean }> {
    return this.#calls.run("put", async (call) => {
      checkObjectKey(key);
      checkObjectBytes(bytes);
      const command = new PutObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        Body: bytes,
        // S3 refuses bytes that are not those the checksum was made of, and keeps it for readers.
        ChecksumAlgorithm: "CRC32",
        ...(options?.ifAbsent === true && { IfNoneMatch: "*" }),
      });
      call.bytes += bytes.length;
      return call.write(
        (within) =>
          this.#client
            .send(command, within)
            .then(() => ({ ok: true }))
            .catch(unlessNamed("PreconditionFailed", { ok: false })),
        options?.withinMs,
      );
    });
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#calls.run("get", async (call) => {
      checkObjectKey(key);
      return this.#read(call, { Bucket: this.#bucket, Key: key, ChecksumMode: "ENABLED" });
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#calls.run("getRange", async (call) => {
      checkObjectKey(key);
      checkRange(offset, length);
      const last = offset + Math.min(length, OBJECT_BYTES_MAX) - 1;
      return this.#read(call, { Bucket: this.#bucket, Key: key, Range: `bytes=${offset}-${last}` });
    });
  }

  async list(prefix: string, { after, limit }: { readonly after?: string; readonly limit: number }): Promise<ObjectPage> {
    return this.#calls.run("list", async (call) => {
      checkListLimit(limit);
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: prefix,
        MaxKeys: limit,
        ...(after !== undefined && { StartAfter: after }),
      });
      const page = await call.read((within) => this.#client.send(command, within));
      return { keys: (page.Contents ?? []).flatMap(({ Key }) => Key ?? []), more: page.IsTruncated === true };
    });
  }

  async delete(key: string): Promise<void> {
    await this.#calls.run("delete", async (call) => {
      checkObjectKey(key);
      await call.write((within) => this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), within));
    });
  }

  /** The body is part of the request: one that breaks off, or that fails its checksum, is asked for again. */
  async #read(call: ServiceCall, input: GetObjectCommandInput): Promise<Uint8Array | undefined> {
    const bytes = await call.read((within) =>
      this.#client
        .send(new GetObjectCommand(input), within)
        .then(({ Body }) => Body?.transformToByteArray())
        .catch(unlessNamed("NoSuchKey"))
        .catch(unlessNamed("InvalidRange", new Uint8Array())),
    );
    call.bytes += bytes?.length ?? 0;
    return bytes;
  }
}
