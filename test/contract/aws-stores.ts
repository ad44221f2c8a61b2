import { type AwsStoreSettings, connectAws } from "../../adapters/aws/connect-aws.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import { createBucket } from "../support/aws/create-bucket.ts";
import { createTable } from "../support/aws/create-table.ts";
import { startDynamoDbServer } from "../support/aws/dynamodb-server.ts";
import { startS3Server } from "../support/aws/s3-server/s3-server.ts";
import { startFaultProxy } from "../support/faults/fault-proxy.ts";
import { StoreLedger } from "../support/stores/store-ledger.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const SETTINGS = {
  region: "eu-west-1",
  table: "apogee-test",
  bucket: "apogee-test",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
};

interface Opened<Store> {
  readonly store: Store;
  readonly ledger: StoreLedger;
  readonly endpoint: string;
  close(): Promise<void>;
}

export type Connection = Partial<AwsStoreSettings> & { readonly endpoint: string };

/** Stores of the tests' table and bucket behind an endpoint. */
export function connect(settings: Connection) {
  const ledger = new StoreLedger();
  const { items, objects, close } = connectAws({ ...SETTINGS, telemetry: ledger, ...settings });
  return { items, objects, ledger, disconnect: async () => close() };
}

/** The item store over a DynamoDB of its own. */
export async function openAwsItems(binary: string): Promise<Opened<ItemStore>> {
  const { endpoint, stop } = await startDynamoDbServer(binary);
  await createTable({ ...SETTINGS, endpoint });
  const { items, ledger, disconnect } = connect({ endpoint });
  return { store: items, ledger, endpoint, close: () => disconnect().then(stop) };
}

/** The object store over an S3 of its own. */
export async function openAwsObjects(): Promise<Opened<ObjectStore>> {
  const { endpoint, stop } = await startS3Server();
  await createBucket({ ...SETTINGS, endpoint });
  const { objects, ledger, disconnect } = connect({ endpoint });
  return { store: objects, ledger, endpoint, close: () => disconnect().then(stop) };
}

/** A connection to `target` on which requests meet faults. */
export async function connectThroughFaults(target: string, settings: Partial<AwsStoreSettings> = {}) {
  const proxy = await startFaultProxy(target);
  const connection = connect({ endpoint: proxy.endpoint, ...settings });
  return { ...connection, ...proxy, close: () => connection.disconnect().then(proxy.close) };
}

/** What the call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const { answer, error } = await settled(call);
  if (error === undefined) throw new Error(`it answered ${JSON.stringify(answer)}`);
  return error;
}

/** How the call ended, and what it reported. */
export async function meteredEnd(ledger: StoreLedger, call: () => Promise<unknown>) {
  let end: Awaited<ReturnType<typeof settled>> | undefined;
  const used = await ledger.of(async () => {
    end = await settled(call());
  });
  return { ...end, used };
}

const settled = (call: Promise<unknown>): Promise<{ readonly answer?: unknown; readonly error?: unknown }> =>
  call.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
