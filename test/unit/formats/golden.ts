import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { type createBroker, createBroker as createNewest } from "../../../core/create-broker.ts";
import type { Key } from "../../../core/ports/item-store.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { type Left, leave } from "./history.ts";
import { dump, noting, type StoreDump } from "./store-dump.ts";
import { createBroker as createFormat2 } from "./versions/format-2.mjs";
import { createBroker as createFormat3 } from "./versions/format-3.mjs";

/** A store as a version left it, and what it left there. */
export interface GoldenStore {
  readonly left: Left;
  readonly store: StoreDump;
}

/** The writer of each format. */
export const WRITERS: Readonly<Record<number, typeof createBroker>> = { 2: createFormat2, 3: createFormat3, 4: createNewest };

/** Has the writer of a format leave a store behind. */
export async function write(format: number): Promise<GoldenStore> {
  const table = brokerOverTable(SHARED_STORE);
  const keys = new Map<string, Key>();
  const create = WRITERS[format] as typeof createBroker;
  const broker = await create(table.dependencies(noting(table.items, keys)));
  const left = await leave(broker, table.clock);
  return { left, store: await dump(table.items, keys.values(), table.objects) };
}
