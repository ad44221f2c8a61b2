import { execFile } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chooseRelease } from "../../infra/choose-release.ts";
import { CannotMove, moveRelease } from "../../infra/move-release.ts";
import { type LambdaStandIn, type StandInFunction, startLambdaStandIn } from "./lambda-stand-in.ts";

const KEY = "a".repeat(64);
const NAMES = ["Test-api", "Test-maintenance", "Test-scanner"];
let standIn: LambdaStandIn;
let printed: string[];

beforeEach(async () => {
  standIn = await startLambdaStandIn();
  printed = [];
});
afterEach(() => standIn.close());

/** Versions of these releases, the newest of which serves. */
const deployed = (...releases: string[]): StandInFunction => ({
  live: releases.length,
  versions: releases.map((RELEASE) => ({ RELEASE, TABLE: "table", BUCKET: "bucket", API_KEY_SHA256: KEY })),
});
const deployAll = (...releases: string[]): void => {
  for (const name of NAMES) standIn.functions[name] = deployed(...releases);
};
const lives = () => NAMES.map((name) => standIn.functions[name]?.live);
const move = (direction: "back" | "forward", anyway = false) =>
  moveRelease({ lambda: standIn.lambda, deployment: "Test", direction, anyway, print: (line) => printed.push(line) });

describe("the way back", () => {
  it("takes all three functions to the release before, and says so", async () => {
    deployAll("one", "two", "three");
    await move("back");
    expect(lives()).toEqual([2, 2, 2]);
    expect(printed).toEqual([
      "Test-api: live goes from version 3 to 2",
      "Test-maintenance: live goes from version 3 to 2",
      "Test-scanner: live goes from version 3 to 2",
      "Release two of 2026-11-12T12:00:00.000+0000 serves.",
      "The next deployment that changes anything goes forward again; npm run rollback -- --forward does without one.",
    ]);
  });

  it("leads further back each time, to the first, and then forward to the newest", async () => {
    deployAll("one", "two", "three");
    await move("back");
    await move("back");
    expect(lives()).toEqual([1, 1, 1]);
    await expect(move("back")).rejects.toThrow(CannotMove);
    expect(lives()).toEqual([1, 1, 1]);
    await move("forward");
    expect(lives()).toEqual([3, 3, 3]);
    await expect(move("forward")).rejects.toThrow("the newest release serves already");
  });

  it("is refused where only one release was deployed", async () => {
    deployAll("one");
    await expect(move("back")).rejects.toThrow("there is no earlier release that all three functions have");
    expect(printed).toEqual([]);
  });

  it("is refused where nothing is deployed", async () => {
    await expect(move("back")).rejects.toThrow("there is no function Test-api with an alias live");
  });

  it("leads to the same release whatever the versions are numbered", async () => {
    standIn.functions["Test-api"] = deployed("zero", "one", "two");
    standIn.functions["Test-maintenance"] = deployed("one", "two");
    standIn.functions["Test-scanner"] = deployed("other", "zero", "one", "failed", "two");
    await move("back");
    expect(lives()).toEqual([2, 1, 3]);
    await expect(move("back")).rejects.toThrow(CannotMove);
  });

  it("goes on where it was cut off", async () => {
    deployAll("one", "two", "three");
    standIn.failOnce = "Test-maintenance";
    await expect(move("back")).rejects.toThrow("try again");
    expect(lives()).toEqual([2, 3, 3]);
    await move("back");
    expect(lives()).toEqual([2, 2, 2]);
  });

  it("undoes a deployment that reached one stack alone", async () => {
    deployAll("one", "two");
    standIn.functions["Test-api"] = deployed("one", "two", "three");
    await move("back");
    expect(lives()).toEqual([2, 2, 2]);
  });

  it.each([
    ["TABLE", "restored", "works on another table"],
    ["BUCKET", "other", "works on another bucket"],
    ["API_KEY_SHA256", "b".repeat(64), "lets in other keys"],
  ])("does not bring back another %s unless that is meant", async (name, value, refusal) => {
    deployAll("one");
    for (const each of NAMES) {
      const [first = {}] = standIn.functions[each]?.versions ?? [];
      standIn.functions[each] = { live: 2, versions: [first, { ...first, RELEASE: "two", [name]: value }] };
    }
    await expect(move("back")).rejects.toThrow(`release one ${refusal}. If that is meant, say --anyway`);
    expect(lives()).toEqual([2, 2, 2]);
    await move("back", true);
    expect(lives()).toEqual([1, 1, 1]);
  });
});

it("a release that was deployed twice is left for the one between", () => {
  const versions = ["one", "two", "one"].map((release, index) => ({ number: index + 1, release }));
  const each = { live: 3, versions };
  const functions = { api: each, maintenance: each, scanner: each };
  expect(chooseRelease(functions, "back")).toEqual({ name: "two", versions: { api: 2, maintenance: 2, scanner: 2 } });
});

describe("npm run rollback", () => {
  const run = async (...args: string[]) => {
    const { hostname, port } = await standIn.lambda.config.endpoint!();
    const env = {
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL: `http://${hostname}:${port}`,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    };
    return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, ["--import", "tsx", "infra/rollback.ts", ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });
  };

  it("moves the deployment that it is told", async () => {
    deployAll("one", "two");
    const { code, stdout, stderr } = await run("-c", "name=Test");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Test-api: live goes from version 2 to 1\n");
    expect(lives()).toEqual([1, 1, 1]);
  });

  it.each([
    [[], /^apogee: there is no function Apogee-api with an alias live in this account and region\.\n$/],
    [["-c", "nam=Test"], /^apogee: 'nam=Test' says nothing to this command: [^\n]+\n$/],
    [["--back"], /^apogee: Unknown option '--back'[^\n]+\n$/],
  ])("says in one line why it does nothing: %j", async (args, refusal) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(refusal);
  });
});
