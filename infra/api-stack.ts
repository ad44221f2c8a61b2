import { CfnOutput, Stack } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { FunctionUrlAuthType } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";
import type { FunctionPlan } from "./function-plans.ts";
import { HandlerFunction } from "./handler-function.ts";
import { liveArn } from "./live-arn.ts";
import type { StorageStack } from "./storage-stack.ts";
import { storesFor } from "./stores.ts";

export interface ApiStackProps {
  readonly deployment: Deployment;
  readonly storage: StorageStack;
  readonly plan: FunctionPlan;
  /** Requests served at once. */
  readonly reserved: number | undefined;
}

/** The API and its address. Clients are told the address once, so it stays, whatever happens to the service stack. */
export class ApiStack extends Stack {
  constructor(scope: Construct, id: string, { deployment, storage, plan, reserved }: ApiStackProps) {
    super(scope, id, { description: "Apogee: HTTP API and its address", terminationProtection: !deployment.throwaway });
    const stores = storesFor(this, storage, deployment);
    const api = new HandlerFunction(this, "Api", { deployment, kind: "api", plan, stores, reserved });
    // By name: if this stack imported the scanner, the service's stack could not be removed.
    const scanner = liveArn(this, deployment.name, "scanner");
    api.role.addToPolicy(new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [scanner] }));
    // Open to the network. The handler admits requests with a key, and anyone to the small pages of the documentation.
    const url = api.live.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    new CfnOutput(this, "Url", { value: url.url });
  }
}
