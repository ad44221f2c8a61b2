import { createScannerFunction } from "./lambda/scanner-function.ts";
import { openAwsStores } from "./stores/aws-stores.ts";

/** Runs by schedule, and when the API rings, to deliver what is due. */
export const handler = createScannerFunction({ environment: process.env, openStores: openAwsStores });
