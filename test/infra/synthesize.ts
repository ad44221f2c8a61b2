import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { type AccountConcurrency, shareConcurrency } from "../../infra/concurrency.ts";
import { createStacks, type Stacks } from "../../infra/create-stacks.ts";
import { readDeployment } from "../../infra/deployment.ts";
import { FUNCTION_KINDS } from "../../infra/function-names.ts";

export const API_KEY = "0123456789abcdef0123456789abcdef";
export const KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-1111-2222-333344445555";

/** What an account has that is not new. */
export const ORDINARY: AccountConcurrency = { quota: 1_000, free: 1_000 };

export interface Synthesized {
  readonly app: App;
  readonly stacks: Stacks;
  readonly storage: Template;
  readonly api: Template;
  readonly service: Template;
}

/** The stacks as `-c` would have them with `context`, around functions that do nothing but `code`. */
export function synthesize(
  context: Record<string, string> = {},
  account: AccountConcurrency | "unknown" = ORDINARY,
  code = "export const handler = () => {};\n",
): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), "apogee-infra-"));
  try {
    for (const kind of FUNCTION_KINDS) {
      mkdirSync(join(folder, kind));
      writeFileSync(join(folder, kind, "index.mjs"), code);
    }
    const app = new App({ outdir: join(folder, "cdk.out"), context });
    const deployment = readDeployment(app.node.getAllContext(), { APOGEE_API_KEY: API_KEY });
    const stacks = createStacks(
      app,
      deployment,
      shareConcurrency(account === "unknown" ? undefined : account, deployment.concurrency),
      folder,
    );
    const { storage, api, service } = stacks;
    return {
      app,
      stacks,
      storage: Template.fromStack(storage),
      api: Template.fromStack(api),
      service: Template.fromStack(service),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
