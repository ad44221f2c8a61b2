import { setGlobalDispatcher } from "undici";
import { runConformanceTests } from "../conformance/run-conformance.ts";
import { type DeployedApi, dispatcherOf, targetOf } from "./deployed-api.ts";

const api: DeployedApi = JSON.parse(process.env.DEPLOYED_API ?? "null");
setGlobalDispatcher(dispatcherOf(api));

runConformanceTests(targetOf(api));
