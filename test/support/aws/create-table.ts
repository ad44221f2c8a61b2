import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { type AwsClientSettings, openAwsClients } from "../../../adapters/aws/aws-clients.ts";
import { unlessNamed } from "../../../adapters/aws/failed-call.ts";

const READY_SECONDS_MAX = 60;
const POLL_SECONDS = 1;

/** Creates the table of items in a stand-in, if there is none. On AWS the stack creates it. */
export async function createTable(settings: AwsClientSettings & { readonly table: string }): Promise<void> {
  const { dynamodb, close } = openAwsClients(settings);
  try {
    await create(dynamodb, settings.table);
    await expireItems(dynamodb, settings.table);
  } finally {
    close();
  }
}

async function create(dynamodb: DynamoDBClient, table: string): Promise<void> {
  const command = new CreateTableCommand({
    TableName: table,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  });
  await dynamodb.send(command).catch(unlessNamed("ResourceInUseException"));
  const patience = { client: dynamodb, maxWaitTime: READY_SECONDS_MAX, minDelay: POLL_SECONDS };
  await waitUntilTableExists(patience, { TableName: table });
}

async function expireItems(dynamodb: DynamoDBClient, table: string): Promise<void> {
  const { TimeToLiveDescription } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: table }));
  // Enabling it twice is an error.
  if (TimeToLiveDescription?.TimeToLiveStatus !== "DISABLED") return;
  const TimeToLiveSpecification = { AttributeName: "x", Enabled: true };
  await dynamodb.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
}
