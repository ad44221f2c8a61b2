import { createApiFunction } from "./lambda/api-function.ts";
import { openAwsStores } from "./stores/aws-stores.ts";
import { openScannerDoorbell } from "./stores/scanner-doorbell.ts";

const api = createApiFunction({ environment: process.env, openStores: openAwsStores, openDoorbell: openScannerDoorbell });
await api.warmUp();

/** Answers the events of a function URL. */
export const handler = api.handler;
