import { Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime, SystemLogLevel } from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

export interface HandlerFunctionProps {
  readonly description: string;
  /** Folder with `index.mjs`, which exports `handler`. */
  readonly bundle: string;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Instances at once, at most. */
  readonly concurrency?: number | undefined;
}

/** A Lambda function with a role and a log group of its own; the role may write that log and nothing else until it is granted more. */
export class HandlerFunction extends Construct {
  readonly lambda: LambdaFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: HandlerFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, "Log", { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    this.role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    logGroup.grantWrite(this.role);
    this.lambda = new LambdaFunction(this, "Function", {
      description: props.description,
      runtime: Runtime.NODEJS_22_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(props.bundle, { exclude: ["*.map"] }),
      handler: "index.handler",
      memorySize: props.memoryMiB,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: { ...props.environment },
      ...(props.concurrency !== undefined && { reservedConcurrentExecutions: props.concurrency }),
      role: this.role,
      logGroup,
      // The handler logs a JSON line per request. Lambda's own three lines around it would cost as much as the request.
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
    });
    Validations.of(this.lambda).acknowledge({
      id: "AwsSolutions-L1",
      reason: "Node.js 22 is in long-term support; a newer runtime is a change of its own, with a run of every test on it.",
    });
  }
}
