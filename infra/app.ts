import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { InvalidSetting } from "../functions/runtime/settings.ts";
import { createStacks } from "./create-stacks.ts";
import { readDeployment } from "./deployment.ts";

try {
  const app = new App();
  createStacks(app, readDeployment(app.node.getAllContext(), process.env));
  // A finding that no one has accepted with a reason stops the deployment.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!InvalidSetting.is(error)) throw error;
  process.stderr.write(`apogee: ${error.message}\n`);
  process.exit(1);
}
