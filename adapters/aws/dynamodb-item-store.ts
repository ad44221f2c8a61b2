import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type {
  Change,
  Item,
  ItemStore,
  Key,
  Query,
  QueryPage,
  ReadOptions,
  TransactResult,
  TransactWrite,
  WriteOptions,
  WriteResult,
} from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import { itemSize } from "../items/item-size.ts";
import { checkBatchGet, checkKey, checkSize, checkTransaction } from "../items/limits.ts";
import { TRANSACTION_FACTOR, writeUnits } from "../items/units.ts";
import type { Telemetry } from "../telemetry.ts";
import { itemOf, keyValues } from "./attribute-values.ts";
import { failuresOf } from "./cancelled-transaction.ts";
import { queryInput } from "./query-input.ts";
import { backOff, type Send, type ServiceCall, ServiceCalls } from "./service-calls.ts";
import { deleteInput, putInput, transactItem, updateInput } from "./write-inputs.ts";

/** Rounds of a batchGet. DynamoDB cuts an answer short if it would pass 16 MB or if it is throttled. */
const BATCH_ROUNDS_MAX = 8;
const RETURN_UNITS = { ReturnConsumedCapacity: "TOTAL" } as const;

interface WriteOutput {
  readonly Attributes?: Record<string, AttributeValue> | undefined;
  readonly ConsumedCapacity?: ConsumedCapacity | undefined;
}

/** Items in one DynamoDB table whose key is `pk` and `sk`, both strings. Its units are those that DynamoDB reports as consumed. */
export class DynamoDbItemStore implements ItemStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #calls: ServiceCalls;

  constructor(client: DynamoDBClient, table: string, timeoutMs: number, telemetry?: Telemetry) {
    this.#client = client;
    this.#table = table;
    this.#calls = new ServiceCalls("items", `table ${table}`, timeoutMs, telemetry);
  }

  async get(key: Key, options?: ReadOptions): Promise<Item | undefined> {
    return this.#calls.run("get", async (call) => {
      checkKey(key);
      const consistent = options?.consistent ?? true;
      const input = { TableName: this.#table, Key: keyValues(key), ConsistentRead: consistent, ...RETURN_UNITS };
      const output = await call.read((within) => this.#client.send(new GetItemCommand(input), within));
      call.readUnits += unitsOf(output.ConsumedCapacity);
      return output.Item && received(call, output.Item);
    });
  }

  async batchGet(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Item | undefined)[]> {
    return this.#calls.run("batchGet", async (call) => {
      checkBatchGet(keys);
      const items = new Map<string, Item>();
      let unread: readonly Record<string, AttributeValue>[] = keys.map(keyValues);
      for (let round = 1; unread.length > 0; round++) {
        const asked = { Keys: [...unread], ConsistentRead: options?.consistent ?? true };
        const input = { RequestItems: { [this.#table]: asked }, ...RETURN_UNITS };
        const output = await call.read((within) => this.#client.send(new BatchGetItemCommand(input), within));
        for (const capacity of output.ConsumedCapacity ?? []) call.readUnits += unitsOf(capacity);
        for (const values of output.Responses?.[this.#table] ?? []) {
          const item = received(call, values);
          items.set(nameOf(item), item);
        }
        unread = output.UnprocessedKeys?.[this.#table]?.Keys ?? [];
        if (unread.length === 0) break;
        if (round === BATCH_ROUNDS_MAX) throw leftUnread(unread.length);
        await backOff(round);
      }
      return keys.map((key) => items.get(nameOf(key)));
    });
  }

  async query(query: Query): Promise<QueryPage> {
    return this.#calls.run("query", async (call) => {
      const input = queryInput(this.#table, query);
      if (input === undefined) return { items: [], more: false };
      const output = await call.read((within) => this.#client.send(new QueryCommand({ ...input, ...RETURN_UNITS }), within));
      call.readUnits += unitsOf(output.ConsumedCapacity);
      const items = (output.Items ?? []).map((values) => received(call, values));
      return { items, more: output.LastEvaluatedKey !== undefined };
    });
  }

  async put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#calls.run("put", async (call) => {
      const input = { ...putInput(this.#table, item, options?.when), ...RETURN_UNITS };
      const bytes = itemSize(item);
      checkSize(bytes);
      call.bytes += bytes;
      const ReturnValues = options?.returning === "allOld" ? "ALL_OLD" : "NONE";
      const command = new PutItemCommand({ ...input, ReturnValues });
      const result = await written(call, (within) => this.#client.send(command, within));
      return result.ok && options?.returning === "allNew" ? { ok: true, item: itemOf(input.Item) } : result;
    });
  }

  async update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#calls.run("update", async (call) => {
      const input = { ...updateInput(this.#table, key, changes, options?.when), ...RETURN_UNITS };
      const ReturnValues = RETURN_VALUES[options?.returning ?? "none"];
      const command = new UpdateItemCommand({ ...input, ReturnValues });
      return written(call, (within) => this.#client.send(command, within));
    });
  }

  async delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#calls.run("delete", async (call) => {
      const input = { ...deleteInput(this.#table, key, options?.when), ...RETURN_UNITS };
      const ReturnValues = options?.returning === "allOld" ? "ALL_OLD" : "NONE";
      const command = new DeleteItemCommand({ ...input, ReturnValues });
      return written(call, (within) => this.#client.send(command, within));
    });
  }

  /**
   * The SDK gives each call a token. For ten minutes DynamoDB answers a repetition with the same token like the first call. Nothing
   * relies on that: a transaction is sent once, and a repeat is fenced by its conditions, however late.
   */
  async transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    return this.#calls.run("transact", async (call): Promise<TransactResult> => {
      checkTransaction(writes);
      const TransactItems = writes.map((write) => transactItem(this.#table, write));
      const command = new TransactWriteItemsCommand({ TransactItems, ...RETURN_UNITS });
      const output = await call.write((within) => this.#client.send(command, within).catch(cancellation));
      if ("failures" in output) {
        for (const failure of output.failures) call.writeUnits += TRANSACTION_FACTOR * unitsOfRace(call, failure?.current);
        return { ok: false, failures: output.failures };
      }
      for (const capacity of output.ConsumedCapacity ?? []) call.writeUnits += unitsOf(capacity);
      return { ok: true };
    });
  }
}

const RETURN_VALUES = { none: "NONE", allOld: "ALL_OLD", allNew: "ALL_NEW" } as const;

async function written(call: ServiceCall, send: Send<WriteOutput>): Promise<WriteResult> {
  const output = await call.write((within) => send(within).catch(lostRace));
  if ("current" in output) {
    call.writeUnits += unitsOfRace(call, output.current);
    return { ok: false, current: output.current };
  }
  call.writeUnits += unitsOf(output.ConsumedCapacity);
  return output.Attributes === undefined ? { ok: true } : { ok: true, item: received(call, output.Attributes) };
}

function lostRace(error: unknown): { readonly current: Item | undefined } {
  if (error instanceof ConditionalCheckFailedException) return { current: error.Item && itemOf(error.Item) };
  throw error;
}

function cancellation(error: unknown): { readonly failures: ReturnType<typeof failuresOf> } {
  if (error instanceof TransactionCanceledException) return { failures: failuresOf(error) };
  throw error;
}

/** DynamoDB does not report what a failed condition consumed: it is the size of the item that it met. */
function unitsOfRace(call: ServiceCall, current: Item | undefined): number {
  const bytes = current === undefined ? 0 : itemSize(current);
  call.bytes += bytes;
  return writeUnits(bytes);
}

const unitsOf = (capacity: ConsumedCapacity | undefined): number => capacity?.CapacityUnits ?? 0;

function received(call: ServiceCall, values: Record<string, AttributeValue>): Item {
  const item = itemOf(values);
  call.bytes += itemSize(item);
  return item;
}

const leftUnread = (keys: number): StoreUnavailable =>
  new StoreUnavailable("not-applied", "throttled", `batchGet: ${keys} keys were left unread, again and again`);

/** A name for the item of a key; `pk` has no NUL. */
const nameOf = ({ pk, sk }: Key): string => `${pk}\0${sk}`;
