import { test } from "vitest";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import { openAwsItems, openAwsObjects } from "./aws-stores.ts";
import { describeItemStore } from "./item-store-contract.ts";
import { describeObjectStore } from "./object-store-contract.ts";

const binary = dynamoDbBinary();
if ("path" in binary) {
  describeItemStore("aws", async () => ({ ...(await openAwsItems(binary.path)), bills: "dynamodb" }));
} else {
  test("item store: aws", (context) => context.skip(`skipped: ${binary.unavailable}`));
}

describeObjectStore("aws", openAwsObjects);
