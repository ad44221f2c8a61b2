import { afterAll, beforeAll } from "vitest";
import { openAwsTestStores } from "../support/aws/aws-test-stores.ts";
import { runGrpcConformance } from "./conformance/run-grpc-conformance.ts";
import { type GrpcTestServer, startGrpcTestServer } from "./grpc-test-server.ts";
import { dateTimeOf } from "./raw-client.ts";
import { signature } from "./signature.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const SECRET = "s".repeat(32);
let server: GrpcTestServer;

beforeAll(async () => {
  const credentials = { accessKey: "apogee", secrets: [SECRET], anyTimeZone: false };
  server = await startGrpcTestServer(await openAwsTestStores(), { credentials, makeGroups: false, sendOnce: "stored" });
}, 30_000);

afterAll(() => server.stop());

runGrpcConformance({
  address: () => server.address,
  url: () => server.url,
  metadata: () => signature(SECRET, dateTimeOf(Date.now())),
  makesGroups: false,
  lateMsMax: 3_000,
  skewMs: 6_000,
});
