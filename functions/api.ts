import { createApiFunction } from "./lambda/api-function.ts";
import { openAwsStores } from "./stores/aws-stores.ts";

const api = createApiFunction({ environment: process.env, openStores: openAwsStores });
await api.warmUp();

/** Answers the events of a function URL. */
export const handler = api.handler;
