import { GetObjectCommand, type GetObjectCommandInput, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { OBJECT_BYTES_MAX, type ObjectStore, type PutOptions } from "../../core/ports/object-store.ts";
import { checkObjectBytes, checkObjectKey, checkRange } from "../objects/object-limits.ts";
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

  async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void> {
    return this.#calls.run("put", async (call) => {
      checkObjectKey(key);
      checkObjectBytes(bytes);
      const command = new PutObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        Body: bytes,
        // S3 refuses bytes that do not match the checksum, and keeps the checksum for readers.
        ChecksumAlgorithm: "CRC32",
      });
      call.bytes += bytes.length;
      await call.write((within) => this.#client.send(command, within), options?.withinMs);
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

  /** The body is read as part of the request, so a body that breaks off is requested again. */
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
