/** The alias that serves: what calls a function calls this one of it. Deployments and `npm run rollback` move it between versions. */
export const LIVE = "live";

export const FUNCTION_KINDS = ["api", "maintenance", "scanner"] as const;
export type FunctionKind = (typeof FUNCTION_KINDS)[number];

/** A name that follows from the deployment's, so that stacks know each other's functions without holding on to each other. */
export const functionName = (deployment: string, kind: FunctionKind): string => `${deployment}-${kind}`;
