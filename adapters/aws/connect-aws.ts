import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import type { Telemetry } from "../telemetry.ts";
import { type AwsClientSettings, openAwsClients } from "./aws-clients.ts";
import { DynamoDbItemStore } from "./dynamodb-item-store.ts";
import { S3ObjectStore } from "./s3-object-store.ts";

export interface AwsStoreSettings extends AwsClientSettings {
  readonly table: string;
  readonly bucket: string;
  readonly telemetry?: Telemetry;
  /** Time limit of one request for items. DynamoDB answers in milliseconds, or not at all. Default 3,000. */
  readonly itemTimeoutMs?: number;
  /** Time limit of one request for an object: 16 MB over a small function's network. Default 10,000. */
  readonly objectTimeoutMs?: number;
}

export interface AwsStores {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  /** Closes the connections; calls in flight fail. */
  close(): void;
}

const ITEM_TIMEOUT_MS = 3_000;
const OBJECT_TIMEOUT_MS = 10_000;

/** The stores over DynamoDB and S3. Nothing is checked here: a missing table or bucket shows with the first call. */
export function connectAws(settings: AwsStoreSettings): AwsStores {
  const { table, bucket, telemetry, itemTimeoutMs = ITEM_TIMEOUT_MS, objectTimeoutMs = OBJECT_TIMEOUT_MS } = settings;
  const { dynamodb, s3, close } = openAwsClients(settings);
  return {
    items: new DynamoDbItemStore(dynamodb, table, itemTimeoutMs, telemetry),
    objects: new S3ObjectStore(s3, bucket, objectTimeoutMs, telemetry),
    close,
  };
}
