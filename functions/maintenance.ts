import { createMaintenanceFunction } from "./lambda/maintenance-function.ts";
import { openAwsStores } from "./stores/aws-stores.ts";

/** Runs by schedule, to make the store cheaper to read and to keep. No promise of the broker depends on it. */
export const handler = createMaintenanceFunction({ environment: process.env, openStores: openAwsStores });
