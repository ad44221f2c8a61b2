import { createHash, randomBytes } from "node:crypto";
import pino from "pino";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { Doorbell } from "../../../core/ports/doorbell.ts";
import { type ApiContext, type ApiFunction, createApiFunction } from "../../../functions/lambda/api-function.ts";
import { createScannerFunction, type ScannerHandler } from "../../../functions/lambda/scanner-function.ts";
import type { Log } from "../../../functions/runtime/log.ts";
import type { BrokerStores } from "../../../functions/stores/broker-stores.ts";

/** A key, and the hash by which its function knows it. */
export const someKey = (): { key: string; hash: string } => {
  const key = randomBytes(24).toString("base64url");
  return { key, hash: createHash("sha256").update(key).digest("hex") };
};

export function memoryStores(): BrokerStores {
  return {
    items: new MemoryItemStore(),
    objects: new MemoryObjectStore(),
    settings: SOLE_PROCESS,
    close: () => Promise.resolve(),
  };
}

const STACK = { TABLE: "table", BUCKET: "bucket", AWS_REGION: "eu-central-1" };

/** A log whose lines are kept. */
export function keptLog(): { log: Log; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { log: pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }), lines };
}

/** The API function over memory stores; its log lines are kept. */
export function memoryFunction(
  environment: Readonly<Record<string, string>>,
  openStores: () => BrokerStores = memoryStores,
  doorbell?: Doorbell,
): { api: ApiFunction; lines: Record<string, unknown>[] } {
  const { log, lines } = keptLog();
  const api = createApiFunction({ environment: { ...STACK, ...environment }, openStores, openDoorbell: () => doorbell, log });
  return { api, lines };
}

/** The scanner function over memory stores; its log lines are kept. */
export function memoryScanner(
  openStores: () => BrokerStores = memoryStores,
  environment: Readonly<Record<string, string>> = {},
): { scan: ScannerHandler; lines: Record<string, unknown>[] } {
  const { log, lines } = keptLog();
  return { scan: createScannerFunction({ environment: { ...STACK, ...environment }, openStores, log }), lines };
}

/** The context that Lambda gives with an event. */
export function functionContext(remainingMs = 30_000): ApiContext {
  const deadlineMs = performance.now() + remainingMs;
  return { awsRequestId: "lambda-request", getRemainingTimeInMillis: () => deadlineMs - performance.now() };
}
