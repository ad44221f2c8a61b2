import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import type { AccountConcurrency } from "./concurrency.ts";

const TIMEOUT_MS = 3_000;

/**
 * Asks Lambda how much the account lets run at once. `own`: names of functions whose reservations do not count, because they are about
 * to be made anew. Errors: those of the SDK, within 3 seconds even if nobody answers.
 */
export async function askAccountConcurrency(lambda: LambdaClient, own: readonly string[]): Promise<AccountConcurrency> {
  const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
  const reservedFor = (FunctionName: string): Promise<number> =>
    lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }), { abortSignal }).then(
      ({ ReservedConcurrentExecutions = 0 }) => ReservedConcurrentExecutions,
      (error: unknown) => {
        if (error instanceof Error && error.name === "ResourceNotFoundException") return 0;
        throw error;
      },
    );
  const answers = Promise.all([
    lambda.send(new GetAccountSettingsCommand({}), { abortSignal }),
    Promise.all(own.map(reservedFor)),
  ]);
  // The search for credentials ignores the signal.
  const late = new Promise<never>((_, reject) => abortSignal.addEventListener("abort", () => reject(abortSignal.reason)));
  const [{ AccountLimit }, reserved] = await Promise.race([answers, late]);
  const { ConcurrentExecutions: quota = 0, UnreservedConcurrentExecutions: unreserved = 0 } = AccountLimit ?? {};
  return { quota, free: unreserved + reserved.reduce((sum, each) => sum + each, 0) };
}
