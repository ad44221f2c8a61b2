import { CfnOutput, Duration, Stack } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import { FunctionUrlAuthType } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";
import { HandlerFunction } from "./handler-function.ts";
import { Monitoring } from "./monitoring.ts";
import type { StorageStack } from "./storage-stack.ts";
import { grantStoreAccess } from "./store-access.ts";

const TICK = Duration.minutes(1);

export interface ServiceStackProps extends Deployment {
  /** Folder with `api/` and `maintenance/`. */
  readonly bundles: string;
  readonly storage: StorageStack;
}

/** What runs: the API behind its URL, and maintenance every minute. It keeps nothing, so it may be removed and made anew. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, { description: "Apogee: HTTP API and maintenance" });
    const { table, bucket } = props.storage;
    const environment = { TABLE: table.tableName, BUCKET: bucket.bucketName, LOG_LEVEL: props.logLevel };

    const api = new HandlerFunction(this, "Api", {
      description: "Apogee HTTP API",
      bundle: `${props.bundles}/api`,
      // Room for the caches and the largest request. A consumer that waits keeps an instance to itself, billed by its size.
      memoryMiB: 512,
      // The longest poll, and a store that is slow to answer at its end.
      timeoutSeconds: 30,
      environment: {
        ...environment,
        API_KEY_SHA256: props.apiKeySha256.join(","),
        LONG_POLL_SECONDS_MAX: String(props.longPollSeconds),
      },
      concurrency: props.concurrency,
    });
    grantStoreAccess(api.role, props.storage);
    // Open to the network; the handler lets in who knows a key, on every route.
    const url = api.lambda.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });

    const maintenance = new HandlerFunction(this, "Maintenance", {
      description: "Apogee maintenance, every minute",
      bundle: `${props.bundles}/maintenance`,
      memoryMiB: 512,
      timeoutSeconds: TICK.toSeconds(),
      environment,
    });
    grantStoreAccess(maintenance.role, props.storage);
    // A tick that failed is not repeated: the next one does its work.
    maintenance.lambda.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: TICK });
    new Rule(this, "EveryMinute", {
      description: "Runs Apogee maintenance",
      schedule: Schedule.rate(TICK),
      targets: [new LambdaTarget(maintenance.lambda, { retryAttempts: 0, maxEventAge: TICK })],
    });

    if (props.monitoring) {
      const { alarmTopicArn } = props;
      new Monitoring(this, "Monitoring", { api: api.lambda, maintenance: maintenance.lambda, table, alarmTopicArn });
    }
    new CfnOutput(this, "Url", { value: url.url });
  }
}
