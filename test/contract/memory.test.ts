import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import { StoreLedger } from "../support/stores/store-ledger.ts";
import { describeItemStore } from "./item-store-contract.ts";
import { describeObjectStore } from "./object-store-contract.ts";

describeItemStore("memory", async () => {
  const ledger = new StoreLedger();
  return { store: new MemoryItemStore(ledger), ledger, bills: "dynamodb", close: async () => undefined };
});

describeObjectStore("memory", async () => {
  const ledger = new StoreLedger();
  return { store: new MemoryObjectStore(ledger), ledger, close: async () => undefined };
});
