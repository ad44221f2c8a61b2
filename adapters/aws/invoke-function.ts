import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";

export interface LambdaPlace {
  readonly region: string;
  /** Endpoint of a stand-in for AWS. Default: AWS. */
  readonly endpoint?: string | undefined;
  /** Default: the SDK's chain, which in a function ends at its role. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

const ATTEMPTS_MAX = 2;
const CONNECT_TIMEOUT_MS = 500;
/** The event of the invoked handler: an empty object. */
const NO_EVENT = "{}";

/** Queues an invocation of a function, by name or ARN, and resolves once that is queued. */
export type InvokeLater = (functionName: string, signal: AbortSignal) => Promise<void>;

export function openLambda({ region, endpoint, credentials }: LambdaPlace): InvokeLater {
  const lambda = new LambdaClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS },
  });
  return async (FunctionName, abortSignal) => {
    await lambda.send(new InvokeCommand({ FunctionName, InvocationType: "Event", Payload: NO_EVENT }), { abortSignal });
  };
}
