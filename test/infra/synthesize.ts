import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { createStacks } from "../../infra/create-stacks.ts";
import { readDeployment } from "../../infra/deployment.ts";

export const API_KEY = "0123456789abcdef0123456789abcdef";

export interface Synthesized {
  readonly app: App;
  readonly storage: Template;
  readonly service: Template;
}

/** Both stacks as `-c` would have them with `context`, around functions that do nothing. */
export function synthesize(context: Record<string, string> = {}): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), "apogee-infra-"));
  try {
    for (const name of ["api", "maintenance", "scanner"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "index.mjs"), "export const handler = () => {};\n");
    }
    const app = new App({ outdir: join(folder, "cdk.out"), context });
    const deployment = readDeployment(app.node.getAllContext(), { APOGEE_API_KEY: API_KEY });
    const { storage, service } = createStacks(app, deployment, folder);
    return { app, storage: Template.fromStack(storage), service: Template.fromStack(service) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
