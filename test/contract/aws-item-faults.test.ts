import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { connectAws } from "../../adapters/aws/connect-aws.ts";
import type { ItemStore, Key } from "../../core/ports/item-store.ts";
import { StoreMisuse, StoreUnavailable } from "../../core/ports/store-failures.ts";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import type { Fault } from "../support/faults/fault-proxy.ts";
import {
  dynamoDbError,
  halfAnswer,
  lateRequest,
  lostAnswer,
  lostRequest,
  oneKeyOnly,
  silence,
  transactionCancelled,
} from "../support/faults/fault-proxy-faults.ts";
import { StoreLedger } from "../support/stores/store-ledger.ts";
import { connect, connectThroughFaults, failureOf, meteredEnd, openAwsItems } from "./aws-stores.ts";
import { together } from "./items/fixture.ts";

const SILENCE_MS = 100;
const binary = dynamoDbBinary();
const why = "unavailable" in binary ? `: ${binary.unavailable}` : "";

describe.skipIf(why !== "")(`items of aws, on failing calls${why}`, () => {
  let direct: Awaited<ReturnType<typeof openAwsItems>>;
  let faulty: Awaited<ReturnType<typeof connectThroughFaults>>;
  let items: ItemStore;
  let key: Key;
  let keys = 0;

  beforeAll(async () => {
    if ("path" in binary) direct = await openAwsItems(binary.path);
  });
  afterAll(() => direct?.close());
  beforeEach(async () => {
    faulty = await connectThroughFaults(direct.endpoint);
    items = faulty.items;
    key = { pk: "faults", sk: String(keys++) };
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await faulty.close();
  });

  /** Each makes `n` of the item 2. */
  const writes: Record<string, () => Promise<unknown>> = {
    put: () => items.put({ ...key, n: 2 }),
    update: () => items.update(key, [{ op: "increment", name: "n", by: 1 }]),
    transact: () => items.transact([{ kind: "update", key, changes: [{ op: "increment", name: "n", by: 1 }] }]),
  };
  const reads: Record<string, () => Promise<unknown>> = {
    get: () => items.get(key),
    batchGet: () => items.batchGet([key]).then(([item]) => item),
    query: () => items.query({ pk: key.pk, from: key.sk, to: key.sk, limit: 1 }).then((page) => page.items[0]),
  };

  const refusals: readonly (readonly [string, Fault, object])[] = [
    ["its throughput is exceeded", dynamoDbError("ProvisionedThroughputExceededException"), { reason: "throttled" }],
    ["it is throttled", dynamoDbError("ThrottlingException"), { reason: "throttled" }],
    ["the account's limit is exceeded", dynamoDbError("RequestLimitExceeded"), { reason: "throttled" }],
    ["a transaction holds the item", dynamoDbError("TransactionConflictException"), { reason: "conflict" }],
    ["another region writes the item", dynamoDbError("ReplicatedWriteConflictException"), { reason: "conflict" }],
    ["it is not allowed", dynamoDbError("AccessDeniedException"), { reason: "unavailable", message: /do not allow it/ }],
    [
      "the table is missing",
      dynamoDbError("ResourceNotFoundException"),
      { message: /on table apogee-test: there is no such table/ },
    ],
  ];
  describe.each(Object.entries(writes))("%s", (operation, write) => {
    test.each(refusals)(
      "is not applied and not repeated when %s",
      async (_, fault, { message, ...failure }: { message?: RegExp }) => {
        await direct.store.put({ ...key, n: 1 });
        faulty.inject(fault);
        const { used, error } = await meteredEnd(faulty.ledger, write);
        expect(error).toBeInstanceOf(StoreUnavailable);
        expect(error).toMatchObject({ outcome: "not-applied", ...failure });
        expect((error as Error).message).toMatch(message ?? /^\w+ on table apogee-test: \w+ \(400, request REQUEST-1\)$/);
        expect(used).toMatchObject({ operation, requests: 1, writeUnits: 0 });
        expect(faulty.requests).toHaveLength(1);
        expect(await direct.store.get(key)).toMatchObject({ n: 1 });
      },
    );

    const unknowns: readonly (readonly [string, Fault, number])[] = [
      ["the service fails", dynamoDbError("InternalServerError", 500), 1],
      ["the service is away", dynamoDbError("ServiceUnavailable", 503), 1],
      ["the connection breaks before", lostRequest, 1],
      ["the connection breaks after", lostAnswer, 2],
      ["the answer breaks off", halfAnswer, 2],
    ];
    test.each(unknowns)("has an unknown outcome and is not repeated when %s", async (_, fault, n) => {
      await direct.store.put({ ...key, n: 1 });
      faulty.inject(fault);
      const { used, error } = await meteredEnd(faulty.ledger, write);
      expect(error).toMatchObject({ name: "StoreUnavailable", outcome: "unknown", reason: "unavailable" });
      expect(used).toMatchObject({ operation, requests: 1, writeUnits: 0 });
      expect(faulty.requests).toHaveLength(1);
      expect(await direct.store.get(key)).toMatchObject({ n });
    });

    test("has an unknown outcome when nobody answers in time", async () => {
      const patient = await connectThroughFaults(direct.endpoint, { itemTimeoutMs: SILENCE_MS });
      items = patient.items;
      patient.inject(silence);
      expect(await failureOf(write())).toMatchObject({ name: "StoreUnavailable", outcome: "unknown", reason: "unavailable" });
      expect(patient.requests).toHaveLength(1);
      await patient.close();
    });

    test("that is refused as senseless is misuse", async () => {
      faulty.inject(dynamoDbError("ValidationException"), dynamoDbError("ItemCollectionSizeLimitExceededException"));
      expect(await failureOf(write())).toBeInstanceOf(StoreMisuse);
      expect(await failureOf(write())).toBeInstanceOf(StoreMisuse);
    });

    test("that never left is not applied", async () => {
      const { endpoint, close } = await connectThroughFaults(direct.endpoint);
      await close();
      // By name, which may stand for two addresses.
      const gone = connect({ endpoint: endpoint.replace("127.0.0.1", "localhost") });
      items = gone.items;
      expect(await failureOf(write())).toMatchObject({
        outcome: "not-applied",
        reason: "unavailable",
        message: /ECONNREFUSED$/,
      });
      await gone.disconnect();
    });
  });

  test("a write may be applied after its connection broke; its condition is looked at then", async () => {
    const late = lateRequest();
    faulty.inject(late.fault);
    const when = [{ op: "absent", name: "pk" }] as const;
    expect(await failureOf(items.put({ ...key, by: "late" }, { when }))).toMatchObject({ outcome: "unknown" });
    expect(await items.put({ ...key, by: "second" }, { when })).toEqual({ ok: true });
    expect(await late.apply()).toMatchObject({ status: 400 });
    expect(await items.get(key)).toMatchObject({ by: "second" });
  });

  test("writes that wait for a connection fail as not sent", async () => {
    const narrow = await connectThroughFaults(direct.endpoint, {
      connectionsMax: 2,
      connectTimeoutMs: 100,
      itemTimeoutMs: 300,
    });
    narrow.inject(silence, silence);
    const failures = await together(3, (index) => failureOf(narrow.items.put({ ...key, index })));
    const outcomes = failures.map((error) => (error as StoreUnavailable).outcome);
    expect(outcomes.sort()).toEqual(["not-applied", "unknown", "unknown"]);
    expect(narrow.requests).toHaveLength(2);
    await narrow.close();
  });

  describe("a cancelled transaction", () => {
    const transact = () =>
      items.transact([
        { kind: "put", item: { ...key, n: 1 } },
        { kind: "check", key: { ...key, sk: "other" }, when: [{ op: "absent", name: "pk" }] },
      ]);

    test.each([
      [["None", "TransactionConflict"], { outcome: "not-applied", reason: "conflict" }],
      [["ThrottlingError", "None"], { outcome: "not-applied", reason: "throttled" }],
      [["ProvisionedThroughputExceeded", "None"], { outcome: "not-applied", reason: "throttled" }],
      // Only one of the two conditions was looked at.
      [["ConditionalCheckFailed", "TransactionConflict"], { outcome: "not-applied", reason: "conflict" }],
      [["None", "SomethingNew"], { outcome: "not-applied", reason: "unavailable" }],
      [[], { outcome: "not-applied", reason: "unavailable" }],
      [["ValidationError", "None"], { name: "StoreMisuse" }],
      [["None", "ItemCollectionSizeLimitExceeded"], { name: "StoreMisuse" }],
    ])("for the reasons %j", async (codes, failure) => {
      faulty.inject(transactionCancelled(...codes));
      expect(await failureOf(transact())).toMatchObject(failure);
      expect(faulty.requests).toHaveLength(1);
    });

    test("is an answer where conditions failed", async () => {
      faulty.inject(transactionCancelled("ValidationError", "ConditionalCheckFailed"));
      expect(await transact()).toEqual({ ok: false, failures: [undefined, { current: undefined }] });
    });
  });

  describe.each(Object.entries(reads))("%s", (operation, read) => {
    const transient: readonly (readonly [string, Fault])[] = [
      ["throttled", dynamoDbError("ThrottlingException")],
      ["failed", dynamoDbError("InternalServerError", 500)],
      ["lost", lostRequest],
      ["cut short", halfAnswer],
    ];
    test.each(transient)("that is %s is repeated twice, and answers once it can", async (_, fault) => {
      await direct.store.put({ ...key, n: 1 });
      faulty.inject(fault, fault);
      const { used, answer } = await meteredEnd(faulty.ledger, read);
      expect(answer).toEqual({ ...key, n: 1 });
      expect(used).toMatchObject({ operation, requests: 3, readUnits: 1, writeUnits: 0 });

      faulty.inject(fault, fault, fault);
      const failed = await meteredEnd(faulty.ledger, read);
      expect(failed.error).toMatchObject({ name: "StoreUnavailable", outcome: "not-applied" });
      expect(failed.used).toMatchObject({ operation, requests: 3, readUnits: 0 });
      expect(faulty.requests).toHaveLength(6);
    });

    test("that nobody answers in time is given up", async () => {
      const patient = await connectThroughFaults(direct.endpoint, { itemTimeoutMs: SILENCE_MS });
      items = patient.items;
      patient.inject(silence, silence, silence);
      expect(await failureOf(read())).toMatchObject({
        name: "StoreUnavailable",
        outcome: "not-applied",
        reason: "unavailable",
      });
      expect(patient.requests).toHaveLength(3);
      await patient.close();
    });

    test("that nobody may do is not repeated", async () => {
      faulty.inject(dynamoDbError("AccessDeniedException"));
      expect(await failureOf(read())).toMatchObject({ outcome: "not-applied", message: /do not allow it/ });
      expect(faulty.requests).toHaveLength(1);
    });
  });

  describe("a batchGet that is cut short", () => {
    const many = (count: number): Key[] =>
      Array.from({ length: count }, (_, index) => ({ pk: key.pk, sk: `${key.sk}-${index}` }));

    test("asks for the rest", async () => {
      const [first, , third] = many(3);
      await direct.store.put({ ...first!, n: 1 });
      await direct.store.put({ ...third!, n: 3 });
      faulty.inject(oneKeyOnly, oneKeyOnly);
      const { used, answer } = await meteredEnd(faulty.ledger, () => items.batchGet(many(3)));
      expect(answer).toEqual([{ ...first, n: 1 }, undefined, { ...third, n: 3 }]);
      expect(used).toMatchObject({ requests: 3, readUnits: 3 });
    });

    test("gives up after eight rounds", async () => {
      faulty.inject(...Array<Fault>(20).fill(oneKeyOnly));
      const { used, error } = await meteredEnd(faulty.ledger, () => items.batchGet(many(10)));
      expect(error).toMatchObject({ outcome: "not-applied", reason: "throttled" });
      expect(used).toMatchObject({ requests: 8, readUnits: 8 });
    });
  });

  test("a call without credentials is not applied", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
    for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "no-such-file");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    const ledger = new StoreLedger();
    const anonymous = connectAws({
      region: "eu-west-1",
      table: "t",
      bucket: "b",
      endpoint: faulty.endpoint,
      telemetry: ledger,
    });
    const missing = { outcome: "not-applied", reason: "unavailable", message: "put on table t: no credentials were found" };
    expect(await failureOf(anonymous.items.put({ ...key }))).toMatchObject(missing);
    expect(faulty.requests).toHaveLength(0);
    anonymous.close();
  });

  test("no failure shows what the request was signed with", async () => {
    const secret = "SESSION-TOKEN";
    const credentials = { accessKeyId: "key", secretAccessKey: "secret", sessionToken: secret };
    const signed = await connectThroughFaults(direct.endpoint, { credentials });
    const canonical = { message: `The Canonical String should have been 'x-amz-security-token:${secret}'` };
    signed.inject(
      dynamoDbError("InvalidSignatureException", 403, canonical),
      dynamoDbError("AccessDeniedException", 400, canonical),
    );
    for (const call of [() => signed.items.put({ ...key }), () => signed.items.get(key)]) {
      const error = await failureOf(call());
      expect(error).toMatchObject({ outcome: "not-applied", reason: "unavailable" });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
    }
    expect(signed.requests[0]?.headers["x-amz-security-token"]).toBe(secret);
    await signed.close();
  });
});
