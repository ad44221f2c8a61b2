import { Duration, Stack } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";
import { type FunctionPlans, TICK_SECONDS } from "./function-plans.ts";
import { HandlerFunction } from "./handler-function.ts";
import { liveArn } from "./live-arn.ts";
import { Monitoring } from "./monitoring.ts";
import type { StorageStack } from "./storage-stack.ts";
import { storesFor } from "./stores.ts";

const TICK = Duration.seconds(TICK_SECONDS);
/** A run that failed is not repeated by Lambda, which would wait a minute first, nor one that comes late: the next tick does its work. */
const ONCE = { retryAttempts: 0, maxEventAge: TICK };

export interface ServiceStackProps {
  readonly deployment: Deployment;
  readonly storage: StorageStack;
  readonly plans: FunctionPlans;
  /** Scanners that may run at once. */
  readonly reserved: number | undefined;
}

/**
 * What runs by itself: maintenance and the scanner every minute, the scanner also when the API rings. It keeps nothing and nobody
 * knows its address, so it may be removed and made anew.
 */
export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, { deployment, storage, plans, reserved }: ServiceStackProps) {
    super(scope, id, { description: "Apogee: maintenance and scanner" });
    const stores = storesFor(this, storage, deployment);
    const maintenance = new HandlerFunction(this, "Maintenance", {
      deployment,
      kind: "maintenance",
      plan: plans.maintenance,
      stores,
    });
    const scanner = new HandlerFunction(this, "Scanner", { deployment, kind: "scanner", plan: plans.scanner, stores, reserved });
    maintenance.live.configureAsyncInvoke(ONCE);
    this.#startAgain(scanner, deployment.name);
    new Rule(this, "EveryMinute", {
      description: "Runs Apogee's maintenance and scanner",
      schedule: Schedule.rate(TICK),
      targets: [maintenance, scanner].map(({ live }) => new LambdaTarget(live, ONCE)),
    });
    if (deployment.monitoring) new Monitoring(this, "Monitoring", { deployment, table: stores.table });
  }

  /**
   * A scanner that dies of its memory or its time is started again at once, since what went wrong with its run is handed to the
   * scanner itself. One that fails again and again does not go round for ever: the scanner counts the failures that it was handed, and
   * leaves the work to the next tick after a few.
   */
  #startAgain(scanner: HandlerFunction, deployment: string): void {
    const itself = liveArn(this, deployment, "scanner");
    scanner.role.addToPolicy(new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [itself] }));
    // The CDK's own destination would have role, function and alias wait for each other.
    scanner.live.configureAsyncInvoke({ ...ONCE, onFailure: { bind: () => ({ destination: itself }) } });
  }
}
