import { connectAws } from "../../../adapters/aws/connect-aws.ts";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { BrokerStores } from "../../../functions/stores/broker-stores.ts";
import { startAwsEndpoint } from "./aws-endpoint.ts";
import { createBucket } from "./create-bucket.ts";
import { createTable } from "./create-table.ts";
import { dynamoDbBinary } from "./dynamodb-server.ts";
import { memoryStores } from "./function-fixture.ts";

/** Those of AWS where there is a stand-in for this machine. */
export async function openAwsTestStores(): Promise<BrokerStores> {
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
