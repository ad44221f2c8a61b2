import { ArnFormat, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { type FunctionKind, functionName, LIVE } from "./function-names.ts";

/** ARN of a function's live alias, built from names, so that nothing depends on the function itself. */
export const liveArn = (scope: Construct, deployment: string, kind: FunctionKind): string =>
  Stack.of(scope).formatArn({
    service: "lambda",
    resource: "function",
    resourceName: `${functionName(deployment, kind)}:${LIVE}`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
