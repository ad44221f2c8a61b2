import type { z } from "zod";
import type { ErrorCodeName } from "../../core/errors.ts";
import type { RequestIdentity } from "./idempotency-key.ts";
import type { Reply } from "./reply.ts";
import type { Tag } from "./tags.ts";

export type Method = "GET" | "PUT" | "PATCH" | "POST" | "DELETE";

type ParametersOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParametersOf<Rest> : never;

/** One request, as a handler sees it: parsed and checked against the schemas of its route. */
export interface RouteRequest<Parameter extends string, Query, Body> {
  readonly parameters: Readonly<Record<Parameter, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly requestId: string;
  /** The identity that tells its repeats, if the client sent an Idempotency-Key. */
  readonly identity: RequestIdentity | undefined;
  /** `name` in lower case. */
  header(name: string): string | undefined;
  /** Every header, names in lower case. */
  headers(): Iterable<readonly [string, string]>;
  /** Aborts when the client goes away. */
  disconnected(): AbortSignal;
}

export type BodyFormat<Body> =
  /** Any bytes. */
  | { readonly kind: "bytes"; readonly example: string }
  | {
      readonly kind: "json";
      readonly schema: z.ZodType<Body>;
      /** What the documentation shows, if the schema leaves the checking of entries to the handler. */
      readonly documented?: z.ZodType;
      /** A missing body means `{}`. */
      readonly optional?: boolean;
      /** Also accepts application/merge-patch+json. */
      readonly mergePatch?: boolean;
      /** A working example, for the documentation. */
      readonly example: unknown;
    };

export interface DocumentedReply {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly contentType?: string;
  /** The meaning of each header. They are always present. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A realistic example, for the documentation. */
  readonly example?: unknown;
  /** By content type: replies to requests that ask for another one. */
  readonly alternatives?: Readonly<Record<string, { readonly schema: z.ZodType; readonly example: string }>>;
}

/** One endpoint: the only source of its routing, validation and documentation. */
export interface Route<Path extends string = string, Query = unknown, Body = unknown> {
  readonly method: Method;
  readonly path: Path;
  readonly operationId: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Absent: no query parameter is known. */
  readonly query?: z.ZodType<Query>;
  /** Headers it reads, besides those of every request with its method. */
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  /** Absent: a body is not read. */
  readonly body?: BodyFormat<Body>;
  readonly replies: Readonly<Record<number, DocumentedReply>>;
  /** Codes besides those that any route may answer, or any of its method. */
  readonly errors: readonly ErrorCodeName[];
  /** A server with a key answers this route without it. */
  readonly open?: true;
  handle(request: RouteRequest<ParametersOf<Path>, Query, Body>): Reply | Promise<Reply>;
  /** Makes a reply again from its `outline`. Absent: its replies have none. */
  restore?(outline: string): Promise<Reply>;
}

/** Types the handler by the path and schemas beside it. */
export const defineRoute = <const Path extends string, Query = undefined, Body = undefined>(
  route: Route<Path, Query, Body>,
): Route => route as unknown as Route;

/** `{topic}` of the contract is `:topic` to the router. */
export const routerPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");

export const parameterNames = (path: string): string[] => Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name ?? "");
