import { afterAll, beforeAll } from "vitest";
import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import type { ServedBroker } from "../../functions/http/node/serve-broker.ts";
import { startTestServer } from "../support/http/test-server.ts";
import { runConformanceTests } from "./run-conformance.ts";

let server: ServedBroker;

beforeAll(async () => {
  server = await startTestServer({ items: new MemoryItemStore(), objects: new MemoryObjectStore() });
});

afterAll(() => server.stop(5_000));

runConformanceTests({ baseUrl: () => server.url });
