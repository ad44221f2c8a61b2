import { afterAll, beforeAll } from "vitest";
import { connectAws } from "../../adapters/aws/connect-aws.ts";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import type { BrokerStores } from "../../functions/stores/broker-stores.ts";
import { startAwsEndpoint } from "../support/aws/aws-endpoint.ts";
import { createBucket } from "../support/aws/create-bucket.ts";
import { createTable } from "../support/aws/create-table.ts";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import { memoryFunction, memoryScanner, memoryStores, someKey } from "../support/aws/function-fixture.ts";
import { type FunctionUrlServer, serveFunctionUrl } from "../support/aws/function-url-server.ts";
import { type InvokedScanner, invokeScanner } from "../support/aws/invoked-scanner.ts";
import { runConformanceTests } from "./run-conformance.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const { key, hash } = someKey();
let stores: BrokerStores;
let scanner: InvokedScanner;
let server: FunctionUrlServer;

/** Those of AWS where there is a stand-in for this machine. */
async function openStores(): Promise<BrokerStores> {
  const binary = dynamoDbBinary();
  if ("unavailable" in binary) return memoryStores();
  const { endpoint, stop } = await startAwsEndpoint(binary.path);
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const place = { region: "eu-west-1", table: "apogee-test", bucket: "apogee-test", endpoint, credentials };
  await createTable(place);
  await createBucket(place);
  const { items, objects, close } = connectAws(place);
  return {
    items,
    objects,
    settings: SHARED_STORE,
    close() {
      close();
      return stop();
    },
  };
}

beforeAll(async () => {
  stores = await openStores();
  scanner = invokeScanner(memoryScanner(() => stores).scan);
  server = await serveFunctionUrl(memoryFunction({ API_KEY_SHA256: hash }, () => stores, scanner.doorbell).api);
});

afterAll(async () => {
  await server.close();
  await scanner.stop();
  await stores.close();
});

runConformanceTests({
  baseUrl: () => server.url,
  headers: () => ({ Authorization: `Bearer ${key}` }),
  gateway: true,
});
