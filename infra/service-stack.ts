import { CfnOutput, Duration, Stack } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { FunctionUrlAuthType } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";
import { HandlerFunction, type HandlerFunctionProps } from "./handler-function.ts";
import { Monitoring } from "./monitoring.ts";
import type { StorageStack } from "./storage-stack.ts";
import { grantStoreAccess } from "./store-access.ts";

const TICK = Duration.minutes(1);

export interface ServiceStackProps extends Deployment {
  /** Folder with `api/`, `maintenance/` and `scanner/`. */
  readonly bundles: string;
  readonly storage: StorageStack;
}

/**
 * What runs: the API behind its URL; maintenance and the scanner every minute, the scanner also when the API rings. It keeps
 * nothing, so it may be removed and made anew.
 */
export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, { description: "Apogee: HTTP API, maintenance and scanner" });
    const maintenance = this.#storeFunction(props, "Maintenance", {
      description: "Apogee maintenance, every minute",
      bundle: `${props.bundles}/maintenance`,
      memoryMiB: 512,
      timeoutSeconds: TICK.toSeconds(),
    });
    const scanner = this.#storeFunction(props, "Scanner", {
      description: "Apogee scanner of delayed messages and transactions, every minute and when rung",
      bundle: `${props.bundles}/scanner`,
      // Room for the largest messages of several queues at once.
      memoryMiB: 512,
      // A run goes on until the next tick relieves it; what it has under way then may take ten seconds more.
      timeoutSeconds: TICK.toSeconds() + 20,
    });
    const api = this.#storeFunction(props, "Api", {
      description: "Apogee HTTP API",
      bundle: `${props.bundles}/api`,
      // Room for the caches and the largest request. A consumer that waits keeps an instance to itself, billed by its size.
      memoryMiB: 512,
      // The longest poll, and a store that is slow to answer at its end.
      timeoutSeconds: 30,
      environment: {
        API_KEY_SHA256: props.apiKeySha256.join(","),
        LONG_POLL_SECONDS_MAX: String(props.longPollSeconds),
        SCANNER_FUNCTION: scanner.lambda.functionName,
      },
      concurrency: props.concurrency,
    });
    // Open to the network; the handler lets in who knows a key, and anyone to the small pages of the documentation.
    const url = api.lambda.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    const ring = { actions: ["lambda:InvokeFunction"], resources: [scanner.lambda.functionArn] };
    api.role.addToPolicy(new PolicyStatement(ring));

    const scheduled = [maintenance.lambda, scanner.lambda];
    // A run that failed is not repeated, nor one that comes late: the next tick does its work.
    const once = { retryAttempts: 0, maxEventAge: TICK };
    for (const lambda of scheduled) lambda.configureAsyncInvoke(once);
    new Rule(this, "EveryMinute", {
      description: "Runs Apogee's maintenance and scanner",
      schedule: Schedule.rate(TICK),
      targets: scheduled.map((lambda) => new LambdaTarget(lambda, once)),
    });

    if (props.monitoring) {
      new Monitoring(this, "Monitoring", {
        api: api.lambda,
        maintenance: maintenance.lambda,
        scanner: scanner.lambda,
        table: props.storage.table,
        alarmTopicArn: props.alarmTopicArn,
      });
    }
    new CfnOutput(this, "Url", { value: url.url });
  }

  /** A function that works on the stores. */
  #storeFunction({ storage, logLevel }: ServiceStackProps, id: string, props: HandlerFunctionProps): HandlerFunction {
    const { table, bucket } = storage;
    const environment = { TABLE: table.tableName, BUCKET: bucket.bucketName, LOG_LEVEL: logLevel, ...props.environment };
    const made = new HandlerFunction(this, id, { ...props, environment });
    grantStoreAccess(made.role, storage);
    return made;
  }
}
