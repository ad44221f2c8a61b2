import { type App, Tags } from "aws-cdk-lib";
import { WAIT_SECONDS_MAX } from "../core/limits.ts";
import { ApiStack } from "./api-stack.ts";
import type { Shares } from "./concurrency.ts";
import type { Deployment } from "./deployment.ts";
import { planFunctions } from "./function-plans.ts";
import { ServiceStack } from "./service-stack.ts";
import { StorageStack } from "./storage-stack.ts";

/** Without a reservation, the scanner has to find a moment between the polls. */
const SHORT_POLL_SECONDS = 2;

export interface Stacks {
  readonly storage: StorageStack;
  readonly api: ApiStack;
  readonly service: ServiceStack;
}

/**
 * The three stacks of one deployment: what must never be lost, what has the address that clients know, and what can be made anew at any
 * time. The latter two import only from the first. `bundles`: folder of the built functions.
 */
export function createStacks(app: App, deployment: Deployment, shares: Shares, bundles = "dist"): Stacks {
  const { name } = deployment;
  const pollSeconds = shares.scanner === undefined ? SHORT_POLL_SECONDS : WAIT_SECONDS_MAX;
  const plans = planFunctions(deployment, bundles, deployment.longPollSeconds ?? pollSeconds);
  const storage = new StorageStack(app, `${name}Storage`, deployment);
  const api = new ApiStack(app, `${name}Api`, { deployment, storage, plan: plans.api, reserved: shares.api });
  const service = new ServiceStack(app, `${name}Service`, { deployment, storage, plans, reserved: shares.scanner });
  for (const tag of deployment.tags) Tags.of(app).add(tag.name, tag.value);
  return { storage, api, service };
}
