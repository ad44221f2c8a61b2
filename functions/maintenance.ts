import { createMaintenanceFunction } from "./lambda/maintenance-function.ts";
import { openAwsStores } from "./stores/aws-stores.ts";

/** Runs by the schedule: what makes the store cheaper to read and to keep. Nothing that is promised depends on it. */
export const handler = createMaintenanceFunction({ environment: process.env, openStores: openAwsStores });
