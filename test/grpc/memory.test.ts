import { afterAll, beforeAll } from "vitest";
import { runGrpcConformance } from "./conformance/run-grpc-conformance.ts";
import { type GrpcTestServer, startGrpcTestServer } from "./grpc-test-server.ts";

let server: GrpcTestServer;

beforeAll(async () => {
  server = await startGrpcTestServer();
});

afterAll(() => server.stop());

runGrpcConformance({
  address: () => server.address,
  url: () => server.url,
  makesGroups: true,
  lateMsMax: 50,
  skewMs: 0,
});
