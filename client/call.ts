import type { paths } from "./api-types.ts";

export type Path = keyof paths;
/** The methods of a path, in lower case. */
export type MethodOf<P extends Path> = {
  [M in keyof paths[P]]: paths[P][M] extends { readonly responses: unknown } ? M : never;
}[keyof paths[P]] &
  string;
type Operation<P extends Path, M extends MethodOf<P>> = paths[P][M];

type Parameters<O, Place extends string> = O extends { readonly parameters: { readonly [K in Place]?: infer T } }
  ? NonNullable<T>
  : never;
type JsonBody<O> = O extends { readonly requestBody?: { readonly content: { readonly "application/json": infer T } } }
  ? T
  : O extends { readonly requestBody: { readonly content: { readonly "application/json": infer T } } }
    ? T
    : never;
type ContentOf<R> = R extends { readonly content: { readonly "application/json": infer T } }
  ? T
  : R extends { readonly content?: never }
    ? undefined
    : never;
type Responses<O> = O extends { readonly responses: infer R } ? R[keyof R] : never;

/** What an operation answers, where it answers. */
export type Answer<P extends Path, M extends MethodOf<P>> = ContentOf<Responses<Operation<P, M>>>;

type Optionally<Name extends string, T> = [T] extends [never] ? unknown : { readonly [K in Name]?: T };
type Needed<Name extends string, T> = [T] extends [never] ? unknown : { readonly [K in Name]: T };

/** How a call is made, whatever it asks. */
export interface CallOptions {
  /** Ends the call, and rejects it with the signal's reason. What a call that had begun has done is unknown then. */
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The parameters and the body of an operation, as its route names them. */
export type CallInput<P extends Path, M extends MethodOf<P>> = CallOptions &
  Needed<"path", Parameters<Operation<P, M>, "path">> &
  Optionally<"query", Parameters<Operation<P, M>, "query">> &
  Optionally<"body", JsonBody<Operation<P, M>>>;
