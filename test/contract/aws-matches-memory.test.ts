import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import type { Consumption } from "../../adapters/telemetry.ts";
import type { ItemStore, TransactResult } from "../../core/ports/item-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import { StoreLedger } from "../support/stores/store-ledger.ts";
import { type ArbitraryCall, arbitraryCalls, perform } from "./aws-arbitrary-calls.ts";
import { meteredEnd, openAwsItems } from "./aws-stores.ts";

const RUNS = 120;
const CALLS_MAX = 60;
const SEED = 20_260_101;

const ENDS = [
  "batchGet done",
  "delete done",
  "delete lost",
  "get done",
  "put done",
  "put lost",
  "query done",
  "transact done",
  "transact lost",
  "transact misuse",
  "update done",
  "update lost",
  "update misuse",
];

interface Told {
  readonly answer: unknown;
  readonly used: Consumption;
}

async function tell(call: ArbitraryCall, store: ItemStore, ledger: StoreLedger, pk: string): Promise<Told> {
  const { answer, error, used } = await meteredEnd(ledger, () => perform(call, store, pk));
  if (error !== undefined && !(error instanceof StoreMisuse)) throw error;
  return { answer: error === undefined ? answer : "misuse", used };
}

const isCreated = ({ answer }: Told): boolean => isDeepStrictEqual(answer, { ok: true, item: undefined });
const showsAll = ({ answer }: Told): boolean => {
  const { failures = [] } = answer as Partial<Extract<TransactResult, { ok: false }>>;
  return failures.every((failure) => failure !== undefined);
};
const lostRace = ({ answer }: Told): boolean => (answer as { readonly ok?: boolean } | undefined)?.ok === false;

function expectSame(call: ArbitraryCall, aws: Told, memory: Told): void {
  const { kind } = call;
  // The stand-in answers with the key of an item that was not there before; DynamoDB with nothing.
  const created = kind === "update" && call.returning === "allOld" && isCreated(memory);
  expect(aws.answer).toEqual(created ? { ok: true, item: expect.anything() } : memory.answer);
  const { operation, writeUnits, readUnits } = memory.used;
  // Bounds that leave nothing between them are not sent.
  if (aws.used.requests === 0) expect([aws.used.writeUnits, aws.used.readUnits]).toEqual([0, 0]);
  // A cancelled transaction shows only the items whose conditions failed; the others are taken for small ones.
  else if (kind === "transact" && !showsAll(memory)) expect(aws.used.writeUnits).toBeLessThanOrEqual(writeUnits);
  else expect(aws.used).toMatchObject({ operation, writeUnits, readUnits });
}

test("any calls end as in memory, and cost the same", async (context) => {
  const binary = dynamoDbBinary();
  if ("unavailable" in binary) return context.skip(`skipped: ${binary.unavailable}`);
  const aws = await openAwsItems(binary.path);
  context.onTestFinished(aws.close);
  const ledger = new StoreLedger();
  const memory = new MemoryItemStore(ledger);
  const ends = new Set<string>();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryCalls, { maxLength: CALLS_MAX, size: "max" }), async (calls) => {
      const pk = `run-${runs++}`;
      for (const call of calls) {
        const remembered = await tell(call, memory, ledger, pk);
        expectSame(call, await tell(call, aws.store, aws.ledger, pk), remembered);
        const how = remembered.answer === "misuse" ? "misuse" : lostRace(remembered) ? "lost" : "done";
        ends.add(`${call.kind} ${how}`);
      }
    }),
    { numRuns: RUNS, seed: SEED },
  );
  // Every kind of call met every end that it has.
  expect([...ends].sort()).toEqual(ENDS);
}, 60_000);
