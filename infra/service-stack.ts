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
/** Lambda repeats neither a failed run, since it would wait a minute first, nor a late one: the next tick does its work. */
const ONCE = { retryAttempts: 0, maxEventAge: TICK };

export interface ServiceStackProps {
  readonly deployment: Deployment;
  readonly storage: StorageStack;
  readonly plans: FunctionPlans;
  /** Scanners that may run at once. */
  readonly reserved: number | undefined;
}

/**
 * The parts that run by themselves: maintenance and the scanner every minute, and the scanner when the API rings. The stack keeps no
 * data and nobody knows its address, so it may be removed and made anew.
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
   * If a scanner runs out of memory or time, Lambda starts it again at once, because the failure is delivered to the scanner itself. A
   * scanner that fails again and again does not do so for ever: it counts the failures delivered to it, and after a few leaves the work
   * to the next tick.
   */
  #startAgain(scanner: HandlerFunction, deployment: string): void {
    const itself = liveArn(this, deployment, "scanner");
    scanner.role.addToPolicy(new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [itself] }));
    // The CDK's own destination would make role, function and alias depend on each other in a circle.
    scanner.live.configureAsyncInvoke({ ...ONCE, onFailure: { bind: () => ({ destination: itself }) } });
  }
}
