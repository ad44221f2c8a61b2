import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  Architecture,
  Code,
  type IFunction,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";
import { type FunctionKind, functionName, LIVE } from "./function-names.ts";
import { type FunctionPlan, NOT_DEPLOYED } from "./function-plans.ts";
import { grantKeyUse, grantStoreAccess, type Stores } from "./stores.ts";

export interface HandlerFunctionProps {
  readonly deployment: Pick<Deployment, "name" | "logRetentionDays">;
  readonly kind: FunctionKind;
  readonly plan: FunctionPlan;
  readonly stores: Stores;
  /** Reserved concurrency: at most so many instances run at once, and no other function takes them. */
  readonly reserved?: number | undefined;
}

/** A Lambda function that works on the stores, with its versions, its own role and its own log. Callers call `live`. */
export class HandlerFunction extends Construct {
  readonly role: Role;
  readonly live: IFunction;

  constructor(scope: Construct, id: string, { deployment, kind, plan, stores, reserved }: HandlerFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, "Log", {
      retention: deployment.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(stores.key && { encryptionKey: stores.key }),
    });
    this.role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    logGroup.grantWrite(this.role);
    grantStoreAccess(this.role, stores);
    if (stores.key) grantKeyUse(this.role, stores.key);
    const lambda = new LambdaFunction(this, "Function", {
      functionName: functionName(deployment.name, kind),
      description: plan.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(plan.bundle, { exclude: [...NOT_DEPLOYED] }),
      handler: "index.handler",
      memorySize: plan.memoryMiB,
      timeout: Duration.seconds(plan.timeoutSeconds),
      environment: { TABLE: stores.table.tableName, BUCKET: stores.bucket.bucketName, ...plan.environment },
      ...(reserved !== undefined && { reservedConcurrentExecutions: reserved }),
      role: this.role,
      logGroup,
      // The handler logs a JSON line per request. Lambda's own three lines would cost as much as the request.
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      // Earlier versions stay, because a rollback needs them. They cost nothing, and are removed with the function.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    // The CDK's types mark as optional what they declare as undefined.
    this.live = lambda.addAlias(LIVE) as IFunction;
  }
}
