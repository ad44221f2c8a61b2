import { type Context, contextsPath, readContexts } from "./contexts.ts";
import { EXIT } from "./exit-codes.ts";
import { UsageFailure, VerbFailure } from "./failures.ts";

/** Options that say where the broker is. */
export interface ConnectionOptions {
  readonly endpoint?: string;
  readonly apiKey?: string;
  readonly context?: string;
}

export interface Connection extends Context {
  /** Where the endpoint was found, for people. */
  readonly source: string;
}

export const DEFAULT_ENDPOINT = "http://localhost:8080";

/**
 * Options go before the environment, that before the current context, and that before the default. A context's key goes to its own
 * endpoint only. Errors: a `UsageFailure`; a `VerbFailure` for a context that there is not.
 */
export async function connectionOf(options: ConnectionOptions, environment: NodeJS.ProcessEnv): Promise<Connection> {
  const { endpoint, apiKey = environment.APOGEE_API_KEY || undefined, context } = options;
  if (endpoint !== undefined && context !== undefined)
    throw new UsageFailure("--endpoint and --context both say where the broker is: give one of them.");
  if (endpoint !== undefined) return { endpoint: checked(endpoint, "--endpoint"), apiKey, source: "--endpoint" };
  const path = contextsPath(environment);
  if (context !== undefined) {
    const { contexts } = await readContexts(path);
    const found = contexts[context];
    if (found === undefined) throw noContext(context, Object.keys(contexts));
    const source = `context ${context}`;
    return { endpoint: checked(found.endpoint, source), apiKey: options.apiKey ?? found.apiKey ?? apiKey, source };
  }
  if (environment.APOGEE_ENDPOINT)
    return { endpoint: checked(environment.APOGEE_ENDPOINT, "APOGEE_ENDPOINT"), apiKey, source: "APOGEE_ENDPOINT" };
  const { current, contexts } = await readContexts(path);
  const found = current === undefined ? undefined : contexts[current];
  if (found === undefined) return { endpoint: DEFAULT_ENDPOINT, apiKey, source: "the default" };
  const source = `context ${current}, the current one`;
  return { endpoint: checked(found.endpoint, source), apiKey: apiKey ?? found.apiKey, source };
}

export function noContext(name: string, known: readonly string[]): VerbFailure {
  const there = known.length === 0 ? "There are none yet: apogee context add." : `There are: ${known.join(", ")}.`;
  return new VerbFailure(`There is no context ${name}. ${there}`, EXIT.notFound);
}

/** The address without slashes at its end. Errors: a `UsageFailure` for what is none. */
export function checked(endpoint: string, source: string): string {
  const protocol = URL.canParse(endpoint) ? new URL(endpoint).protocol : undefined;
  if (protocol !== "http:" && protocol !== "https:")
    throw new UsageFailure(`${endpoint} (${source}) is no address of a broker, such as ${DEFAULT_ENDPOINT}.`);
  return endpoint.replace(/\/+$/, "");
}
