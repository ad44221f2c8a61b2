/** The live alias: callers of a function call this alias. Deployments and `npm run rollback` move it between versions. */
export const LIVE = "live";

export const FUNCTION_KINDS = ["api", "maintenance", "scanner"] as const;
export type FunctionKind = (typeof FUNCTION_KINDS)[number];

/** A name derived from the deployment's, so that stacks know each other's functions without depending on each other. */
export const functionName = (deployment: string, kind: FunctionKind): string => `${deployment}-${kind}`;
