import { createScannerFunction } from "./lambda/scanner-function.ts";
import { openAwsStores } from "./stores/aws-stores.ts";

/** Runs by the schedule, and when the API rings: delivers what is due. */
export const handler = createScannerFunction({ environment: process.env, openStores: openAwsStores });
