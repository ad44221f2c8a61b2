import { afterAll, beforeAll } from "vitest";
import type { BrokerStores } from "../../functions/stores/broker-stores.ts";
import { openAwsTestStores } from "../support/aws/aws-test-stores.ts";
import { memoryFunction, memoryScanner, someKey } from "../support/aws/function-fixture.ts";
import { type FunctionUrlServer, serveFunctionUrl } from "../support/aws/function-url-server.ts";
import { type InvokedScanner, invokeScanner } from "../support/aws/invoked-scanner.ts";
import { runConformanceTests } from "./run-conformance.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const { key, hash } = someKey();
let stores: BrokerStores;
let scanner: InvokedScanner;
let server: FunctionUrlServer;

beforeAll(async () => {
  stores = await openAwsTestStores();
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
