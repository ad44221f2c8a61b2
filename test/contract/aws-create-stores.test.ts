import { DescribeTableCommand, DescribeTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import { expect, test } from "vitest";
import { openAwsClients } from "../../adapters/aws/aws-clients.ts";
import { createBucket } from "../../adapters/aws/create-bucket.ts";
import { createTable } from "../../adapters/aws/create-table.ts";
import { dynamoDbBinary, startDynamoDbServer } from "../support/dynamodb-server.ts";
import { startS3Server } from "../support/s3-server/s3-server.ts";
import { freePort } from "../support/server-process.ts";
import { connect } from "./aws-stores.ts";

const SETTINGS = { region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };

test("the table is made once, pays per request, and expires items at their x", async (context) => {
  const binary = dynamoDbBinary();
  if ("unavailable" in binary) return context.skip(`skipped: ${binary.unavailable}`);
  const { endpoint, stop } = await startDynamoDbServer(binary.path);
  context.onTestFinished(stop);
  const settings = { ...SETTINGS, endpoint, table: "apogee-test" };
  await createTable(settings);
  const { items, disconnect } = connect({ endpoint });
  await items.put({ pk: "p", sk: "0" });
  await createTable(settings);
  expect(await items.get({ pk: "p", sk: "0" })).toEqual({ pk: "p", sk: "0" });

  const { dynamodb, close } = openAwsClients(settings);
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: "apogee-test" }));
  expect(Table?.BillingModeSummary?.BillingMode).toBe("PAY_PER_REQUEST");
  const { TimeToLiveDescription } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: "apogee-test" }));
  expect(TimeToLiveDescription).toMatchObject({ AttributeName: "x", TimeToLiveStatus: "ENABLED" });
  close();
  await disconnect();
});

test("the bucket is made once, and named in the path", async (context) => {
  const { endpoint: numeric, stop } = await startS3Server();
  context.onTestFinished(stop);
  const endpoint = numeric.replace("127.0.0.1", "localhost");
  const settings = { ...SETTINGS, endpoint, bucket: "apogee-test" };
  await createBucket(settings);
  const { objects, disconnect } = connect({ endpoint });
  await objects.put("a", Uint8Array.of(1));
  await createBucket(settings);
  expect(await objects.get("a")).toEqual(Uint8Array.of(1));
  await disconnect();
});

test("a stand-in that is not there is a failure of the store", async () => {
  const settings = { ...SETTINGS, endpoint: `http://127.0.0.1:${await freePort()}`, table: "apogee-test", bucket: "apogee-test" };
  const away = { name: "StoreUnavailable", outcome: "not-applied" };
  await expect(createTable(settings)).rejects.toMatchObject(away);
  await expect(createBucket(settings)).rejects.toMatchObject(away);
});
