import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askAccountConcurrency } from "../../infra/account-concurrency.ts";
import { shareConcurrency } from "../../infra/concurrency.ts";
import { type LambdaStandIn, startLambdaStandIn } from "./lambda-stand-in.ts";

describe("what is reserved of an account's concurrency", () => {
  it.each([
    ["an ordinary account", { quota: 1_000, free: 1_000 }, undefined, { api: 500, scanner: 4 }],
    ["a large account", { quota: 10_000, free: 10_000 }, undefined, { api: 5_000, scanner: 4 }],
    [
      "a new account, of which nothing can be reserved",
      { quota: 10, free: 10 },
      undefined,
      { api: undefined, scanner: undefined },
    ],
    ["an account that nobody knows", undefined, undefined, { api: undefined, scanner: undefined }],
    ["where others have taken their part", { quota: 1_000, free: 500 }, undefined, { api: undefined, scanner: 4 }],
    ["where others have taken nearly all", { quota: 1_000, free: 103 }, undefined, { api: undefined, scanner: undefined }],
    ["just enough for the scanner", { quota: 104, free: 104 }, undefined, { api: undefined, scanner: 4 }],
    ["a bound that was asked for", { quota: 1_000, free: 1_000 }, 50, { api: 50, scanner: 4 }],
    ["a bound that leaves the scanner nothing", { quota: 1_000, free: 1_000 }, 897, { api: 897, scanner: undefined }],
    ["a bound in an account that nobody knows", undefined, 50, { api: 50, scanner: undefined }],
  ])("%s", (_what, account, wanted, shares) => {
    expect(shareConcurrency(account, wanted)).toEqual(shares);
  });
});

describe("what Lambda says of an account", () => {
  let standIn: LambdaStandIn;
  beforeEach(async () => {
    standIn = await startLambdaStandIn();
  });
  afterEach(() => standIn.close());
  const ask = () => askAccountConcurrency(standIn.lambda, ["Test-api", "Test-scanner"]);

  it("counts what this deployment has reserved already as free", async () => {
    Object.assign(standIn.account, { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 396 });
    standIn.functions["Test-api"] = { live: 1, versions: [], reserved: 500 };
    standIn.functions["Test-scanner"] = { live: 1, versions: [], reserved: 4 };
    expect(await ask()).toEqual({ quota: 1_000, free: 900 });
  });

  it("is known before the first deployment too", async () => {
    Object.assign(standIn.account, { ConcurrentExecutions: 10, UnreservedConcurrentExecutions: 10 });
    expect(await ask()).toEqual({ quota: 10, free: 10 });
  });

  it("is waited for three seconds", async () => {
    standIn.silent = true;
    const startedAt = performance.now();
    await expect(ask()).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});
