import type { App } from "aws-cdk-lib";
import type { Deployment } from "./deployment.ts";
import { ServiceStack } from "./service-stack.ts";
import { StorageStack } from "./storage-stack.ts";

/** The two stacks of one deployment: what must never be lost, and what can be made anew at any time. `bundles`: folder of the built functions. */
export function createStacks(
  app: App,
  deployment: Deployment,
  bundles = "dist",
): { storage: StorageStack; service: ServiceStack } {
  const storage = new StorageStack(app, `${deployment.name}Storage`, deployment);
  const service = new ServiceStack(app, `${deployment.name}Service`, { ...deployment, bundles, storage });
  return { storage, service };
}
