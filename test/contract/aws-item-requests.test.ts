import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import { connectThroughFaults, failureOf, openAwsItems } from "./aws-stores.ts";

const binary = dynamoDbBinary();
const why = "unavailable" in binary ? `: ${binary.unavailable}` : "";

/** What DynamoDB refuses and its stand-in takes, or what need not be sent: seen on the wire. */
describe.skipIf(why !== "")(`requests for items of aws${why}`, () => {
  let direct: Awaited<ReturnType<typeof openAwsItems>>;
  let wire: Awaited<ReturnType<typeof connectThroughFaults>>;
  const key = { pk: "requests", sk: "0" };

  beforeAll(async () => {
    if ("path" in binary) direct = await openAwsItems(binary.path);
    wire = await connectThroughFaults(direct.endpoint);
  });
  afterAll(async () => {
    await wire?.close();
    await direct?.close();
  });

  /** The bodies of what the call sends. */
  async function sentBy(call: () => Promise<unknown>) {
    const before = wire.requests.length;
    await call();
    return wire.requests.slice(before).map(({ body }) => JSON.parse(body.toString()));
  }

  test("every name and value of an expression is a placeholder", async () => {
    const changes = [{ op: "set", name: "next", value: "value" }] as const;
    const when = [{ op: "notContains", name: "value", value: "next" }] as const;
    const [sent] = await sentBy(() => wire.items.update(key, changes, { when }));
    expect(sent).toMatchObject({ UpdateExpression: "SET #0 = :0", ConditionExpression: "NOT contains(#1, :1)" });
    expect(sent.ExpressionAttributeNames).toEqual({ "#0": "next", "#1": "value" });
    expect(sent.ExpressionAttributeValues).toEqual({ ":0": { S: "value" }, ":1": { S: "next" } });
  });

  test("maps of names and values are left out where they would be empty", async () => {
    const [sent] = await sentBy(() => wire.items.update(key, []));
    expect(Object.keys(sent).sort()).toEqual(["Key", "ReturnConsumedCapacity", "ReturnValues", "TableName"]);
  });

  test("an attribute is not compared with itself", async () => {
    const when = [{ op: "lessThanAttribute", name: "n", other: "n" }] as const;
    const [sent] = await sentBy(() => wire.items.delete(key, { when }));
    expect(sent.ConditionExpression).not.toContain("<");
  });

  test("an update in a transaction says what it does, a check what it asks", async () => {
    const [sent] = await sentBy(() =>
      wire.items.transact([
        { kind: "update", key, changes: [] },
        { kind: "check", key: { ...key, sk: "1" }, when: [] },
      ]),
    );
    expect(sent.TransactItems[0].Update.UpdateExpression).toMatch(/./);
    expect(sent.TransactItems[1].ConditionCheck.ConditionExpression).toMatch(/./);
  });

  test("reads are strongly consistent unless asked otherwise", async () => {
    const reads = [
      (options?: { consistent: boolean }) => wire.items.get(key, options),
      (options?: { consistent: boolean }) => wire.items.query({ pk: "p", limit: 1, ...options }),
    ];
    for (const read of reads) {
      expect(await sentBy(() => read())).toMatchObject([{ ConsistentRead: true }]);
      expect(await sentBy(() => read({ consistent: false }))).toMatchObject([{ ConsistentRead: false }]);
    }
  });

  test("nothing is sent for what is refused anyway, or has its answer already", async () => {
    const sent = await sentBy(async () => {
      expect(await failureOf(wire.items.put({ ...key, d: new Uint8Array(400 * 1024) }))).toBeInstanceOf(StoreMisuse);
      expect(await failureOf(wire.items.get({ pk: "a\0b", sk: "0" }))).toBeInstanceOf(StoreMisuse);
      expect(await failureOf(wire.items.transact([]))).toBeInstanceOf(StoreMisuse);
      expect(await wire.items.batchGet([])).toEqual([]);
      expect(await wire.items.query({ pk: "p", from: "b", to: "a", limit: 1 })).toEqual({ items: [], more: false });
      expect(await wire.items.query({ pk: "p", to: "", limit: 1 })).toEqual({ items: [], more: false });
    });
    expect(sent).toEqual([]);
  });
});
