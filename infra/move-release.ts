import { GetAliasCommand, type LambdaClient, ListVersionsByFunctionCommand, UpdateAliasCommand } from "@aws-sdk/client-lambda";
import { chooseRelease, type Direction, type PublishedVersion } from "./choose-release.ts";
import { FUNCTION_KINDS, type FunctionKind, functionName, LIVE } from "./function-names.ts";

/** Why a move is impossible. The message is one line for the operator. */
export class CannotMove extends Error {
  override readonly name = "CannotMove";
}

interface Version extends PublishedVersion {
  /** The environment with which it was deployed. */
  readonly environment: Readonly<Record<string, string>>;
  readonly publishedAt: string;
}

interface DeployedFunction {
  readonly functionName: string;
  readonly live: number;
  /** The alias's revision as it was read: a later move by another process is not overwritten. */
  readonly revision: string | undefined;
  readonly versions: readonly Version[];
}

/** Settings that a move to another release may not change silently. */
const GUARDED: Readonly<Record<string, string>> = {
  TABLE: "works on another table",
  BUCKET: "works on another bucket",
  API_KEY_SHA256: "lets in other keys",
};

export interface MoveOptions {
  readonly lambda: LambdaClient;
  /** Name of the deployment. */
  readonly deployment: string;
  readonly direction: Direction;
  /** Move even to a release with another table, bucket or key. */
  readonly anyway: boolean;
  readonly print: (line: string) => void;
}

/**
 * Moves `live` of all three functions to the previous release, or forward to the newest, and prints each move. Errors: `CannotMove`;
 * those of the SDK, after which a repeat continues where it ended.
 */
export async function moveRelease({ lambda, deployment, direction, anyway, print }: MoveOptions): Promise<void> {
  const read = (kind: FunctionKind) => readFunction(lambda, functionName(deployment, kind));
  const functions = { api: await read("api"), maintenance: await read("maintenance"), scanner: await read("scanner") };
  const release = chooseRelease(functions, direction);
  if (release === undefined) {
    throw new CannotMove(
      direction === "back"
        ? "there is no earlier release that all three functions have. To go back, deploy the version before"
        : "the newest release serves already",
    );
  }
  const changed = changes(functions.api, release.versions.api);
  if (changed.length > 0 && !anyway)
    throw new CannotMove(`release ${release.name} ${changed.join(" and ")}. If that is meant, say --anyway`);
  for (const kind of FUNCTION_KINDS) {
    const { functionName: name, live, revision } = functions[kind];
    const to = release.versions[kind];
    if (to !== live) await moveAlias(lambda, name, to, revision);
    print(`${name}: ${LIVE} ${to === live ? `stays at version ${live}` : `goes from version ${live} to ${to}`}`);
  }
  const publishedAt = versionOf(functions.api, release.versions.api)?.publishedAt ?? "";
  print(`Release ${release.name} of ${publishedAt} serves.`);
  if (direction === "back")
    print("The next deployment that changes anything goes forward again; npm run rollback -- --forward does without one.");
}

async function readFunction(lambda: LambdaClient, name: string): Promise<DeployedFunction> {
  const alias = await lambda.send(new GetAliasCommand({ FunctionName: name, Name: LIVE })).catch((error: unknown) => {
    if (error instanceof Error && error.name === "ResourceNotFoundException")
      throw new CannotMove(`there is no function ${name} with an alias ${LIVE} in this account and region`);
    throw error;
  });
  const versions: Version[] = [];
  for (let Marker: string | undefined, first = true; first || Marker !== undefined; first = false) {
    const page = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName: name, ...(Marker && { Marker }) }));
    for (const { Version: number = "", Environment, LastModified = "" } of page.Versions ?? []) {
      const environment = Environment?.Variables ?? {};
      // $LATEST never serves.
      if (/^\d+$/.test(number))
        versions.push({ number: Number(number), release: environment.RELEASE, environment, publishedAt: LastModified });
    }
    Marker = page.NextMarker || undefined;
  }
  return { functionName: name, live: Number(alias.FunctionVersion), revision: alias.RevisionId, versions };
}

const versionOf = ({ versions }: DeployedFunction, number: number): Version | undefined =>
  versions.find((version) => version.number === number);

function changes(api: DeployedFunction, to: number): string[] {
  const [before, after] = [versionOf(api, api.live), versionOf(api, to)];
  return Object.entries(GUARDED)
    .filter(([name]) => before?.environment[name] !== after?.environment[name])
    .map(([, change]) => change);
}

async function moveAlias(lambda: LambdaClient, FunctionName: string, to: number, RevisionId: string | undefined): Promise<void> {
  await lambda.send(
    new UpdateAliasCommand({
      FunctionName,
      Name: LIVE,
      FunctionVersion: String(to),
      // All traffic: weights given to other versions end.
      RoutingConfig: { AdditionalVersionWeights: {} },
      ...(RevisionId !== undefined && { RevisionId }),
    }),
  );
}
