// npm run rollback: goes back to the previous release. docs/deploy.md, "Going back".
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { CannotMove, moveRelease } from "./move-release.ts";

// The SDK warns every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const USAGE = "npm run rollback -- [-c name=Apogee] [--forward] [--anyway]";

/** The deployment's name, from the command line or from cdk.json. */
function deploymentName(context: readonly string[]): string {
  let name: unknown = JSON.parse(readFileSync("cdk.json", "utf8")).context?.name;
  for (const assignment of context) {
    const given = /^name=(.+)$/.exec(assignment)?.[1];
    if (given === undefined) throw new CannotMove(`'${assignment}' says nothing to this command: ${USAGE}`);
    name = given;
  }
  return String(name ?? "Apogee");
}

const ARGUMENTS = {
  context: { type: "string", short: "c", multiple: true },
  forward: { type: "boolean" },
  anyway: { type: "boolean" },
} as const;

try {
  const { values } = parseArgs({ options: ARGUMENTS });
  await moveRelease({
    lambda: new LambdaClient({}),
    deployment: deploymentName(values.context ?? []),
    direction: values.forward ? "forward" : "back",
    anyway: values.anyway ?? false,
    print: (line) => console.log(line),
  });
} catch (error) {
  const { name, code, message } = error as Error & { readonly code?: string };
  if (code?.startsWith("ERR_PARSE_ARGS")) process.stderr.write(`apogee: ${message} ${USAGE}\n`);
  else process.stderr.write(`apogee: ${error instanceof CannotMove ? message : `${name}: ${message}`}.\n`);
  process.exit(1);
}
