import { expect, test } from "vitest";
import { createBucket } from "../support/aws/create-bucket.ts";
import { startS3Server } from "../support/aws/s3-server/s3-server.ts";
import { connect } from "./aws-stores.ts";

const SETTINGS = { region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };

test("a bucket is named in the path of a stand-in with a host name", async (context) => {
  const { endpoint: numeric, stop } = await startS3Server();
  context.onTestFinished(stop);
  const endpoint = numeric.replace("127.0.0.1", "localhost");
  await createBucket({ ...SETTINGS, endpoint, bucket: "apogee-test" });
  const { objects, disconnect } = connect({ endpoint });
  await objects.put("a", Uint8Array.of(1));
  expect(await objects.getRange("a", 0, 10)).toEqual(Uint8Array.of(1));
  await disconnect();
});
