export { SHARED_STORE, SOLE_PROCESS } from "../../../../core/broker-settings.ts";
export { createBroker } from "../../../../core/create-broker.ts";
