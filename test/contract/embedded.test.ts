import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../adapters/embedded/embedded-object-store.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { StoreLedger } from "../support/stores/store-ledger.ts";
import { describeItemStore } from "./item-store-contract.ts";
import { describeObjectStore } from "./object-store-contract.ts";

const openItems = (cacheBytes: number) => async () => {
  const ledger = new StoreLedger();
  const directory = await storeDirectory();
  const store = await EmbeddedItemStore.open(directory.path, { telemetry: ledger, cacheBytes });
  const close = async () => {
    await store.close();
    await directory.remove();
  };
  return { store, ledger, bills: "nothing" as const, close };
};

describeItemStore("embedded", openItems(32 * 1024 * 1024));
// Here what is read comes from what was written: most items are too large for the cache.
describeItemStore("embedded, hardly any cache", openItems(2_048));

describeObjectStore("embedded", async () => {
  const ledger = new StoreLedger();
  const directory = await storeDirectory();
  const store = await EmbeddedObjectStore.open(directory.path, { telemetry: ledger });
  return { store, ledger, close: directory.remove };
});
