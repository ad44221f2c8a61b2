import { FUNCTION_KINDS, type FunctionKind } from "./function-names.ts";

/** A published version of a function, and its release. */
export interface PublishedVersion {
  readonly number: number;
  /** The release that it belongs to; undefined if it was deployed by other means. */
  readonly release: string | undefined;
}

export interface PublishedFunction {
  /** The version that serves. */
  readonly live: number;
  readonly versions: readonly PublishedVersion[];
}

/** The version of each function that makes one release. */
export interface Release {
  readonly name: string;
  readonly versions: Readonly<Record<FunctionKind, number>>;
}

export type Direction = "back" | "forward";

/**
 * `forward`: the newest release that all functions have. `back`: the newest one deployed before the live one. A release that only some
 * functions have comes from a failed deployment, and is skipped. Undefined: there is none, or it is live already.
 */
export function chooseRelease(
  functions: Readonly<Record<FunctionKind, PublishedFunction>>,
  direction: Direction,
): Release | undefined {
  const considered = (kind: FunctionKind): PublishedVersion[] => {
    const { versions, live } = functions[kind];
    return direction === "forward" ? [...versions] : versions.filter(({ number }) => number <= live);
  };
  const names = new Set(considered("api").flatMap(({ release }) => release ?? []));
  const complete = [...names].flatMap((name): Release[] => {
    const newest = (kind: FunctionKind): number =>
      Math.max(...considered(kind).flatMap(({ number, release }) => (release === name ? number : [])));
    const versions = { api: newest("api"), maintenance: newest("maintenance"), scanner: newest("scanner") };
    return Object.values(versions).every(Number.isFinite) ? [{ name, versions }] : [];
  });
  const serves = ({ versions }: Release): boolean => FUNCTION_KINDS.every((kind) => versions[kind] === functions[kind].live);
  const newestFirst = complete.sort((one, other) => other.versions.api - one.versions.api);
  if (direction === "back") return newestFirst.find((release) => !serves(release));
  const [newest] = newestFirst;
  return newest === undefined || serves(newest) ? undefined : newest;
}
