import { LambdaClient } from "@aws-sdk/client-lambda";
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { InvalidSetting } from "../functions/runtime/settings.ts";
import { askAccountConcurrency } from "./account-concurrency.ts";
import { type AccountConcurrency, shareConcurrency } from "./concurrency.ts";
import { createStacks } from "./create-stacks.ts";
import { type Deployment, readDeployment } from "./deployment.ts";
import { functionName } from "./function-names.ts";

// The SDK warns every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const say = (line: string): void => {
  process.stderr.write(`apogee: ${line}\n`);
};

/** As the deployment states or, if the CDK has found an account, as Lambda reports. Without an account the same stacks result. */
async function accountConcurrencyOf({ name, accountConcurrency }: Deployment): Promise<AccountConcurrency | undefined> {
  if (accountConcurrency !== undefined) return { quota: accountConcurrency, free: accountConcurrency };
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  if (!account || !region) return undefined;
  try {
    return await askAccountConcurrency(new LambdaClient({ region }), [functionName(name, "api"), functionName(name, "scanner")]);
  } catch (error) {
    say(`Lambda does not say what this account may run at once (${error instanceof Error ? error.name : error}).`);
    return undefined;
  }
}

try {
  const app = new App();
  const deployment = readDeployment(app.node.getAllContext(), process.env);
  const account = await accountConcurrencyOf(deployment);
  const shares = shareConcurrency(account, deployment.concurrency);
  if (shares.scanner === undefined)
    say(
      `Nothing is reserved for the scanner, as ${account ? `only ${account.free} functions may run at once` : "the account's quota is not known"}; docs/deploy.md, "New accounts", says what to do.`,
    );
  createStacks(app, deployment, shares);
  // A finding stops the deployment, unless it was accepted with a reason.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!InvalidSetting.is(error)) throw error;
  say(error.message);
  process.exit(1);
}
