import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { App, Stack } from "aws-cdk-lib";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks } from "cdk-nag";
import { describe, expect, it } from "vitest";
import { InvalidSetting } from "../../functions/runtime/settings.ts";
import { OPTIONS, readDeployment } from "../../infra/deployment.ts";
import { API_KEY, synthesize } from "./synthesize.ts";

const read = (context: Record<string, unknown>, APOGEE_API_KEY: string | undefined = API_KEY) =>
  readDeployment(context, { APOGEE_API_KEY });
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("what a deployment is told", () => {
  it("has defaults that keep the messages", () => {
    expect(read({})).toEqual({
      name: "Apogee",
      throwaway: false,
      monitoring: true,
      alarmTopicArn: undefined,
      concurrency: undefined,
      longPollSeconds: 20,
      corsOrigins: [],
      logLevel: "info",
      apiKeySha256: [sha256(API_KEY)],
    });
  });

  it("comes as text from the command line, or as values from cdk.json", () => {
    for (const context of [
      { throwaway: "true", concurrency: "10", longPollSeconds: "5", logLevel: "warn", name: "Test" },
      { throwaway: true, concurrency: 10, longPollSeconds: 5, logLevel: "warn", name: "Test" },
    ])
      expect(read(context)).toMatchObject({
        throwaway: true,
        concurrency: 10,
        longPollSeconds: 5,
        corsOrigins: [],
        logLevel: "warn",
        name: "Test",
      });
  });

  for (const [name, value] of Object.entries({
    name: "a/b",
    throwaway: "yes",
    monitoring: "maybe",
    concurrency: "0",
    longPollSeconds: "21",
    logLevel: "loud",
    alarmTopicArn: "pager",
  })) {
    it(`is refused where it is none: -c ${name}=${value}`, () => {
      expect(() => read({ [name]: value })).toThrow(InvalidSetting);
      expect(() => read({ [name]: value })).toThrow(new RegExp(`^${name} must be [^\n]+$`));
    });
  }

  it.each([
    [{ concurency: "50" }, "There is no option 'concurency'. Did you mean 'concurrency'?"],
    [{ nam: "x" }, "There is no option 'nam'. Did you mean 'name'?"],
    [{ LogLevel: "warn" }, "There is no option 'LogLevel'. Did you mean 'logLevel'?"],
    [{ colour: "red" }, "There is no option 'colour'. docs/deploy.md lists them."],
  ])("is refused where it is no option: %j", (context, refusal) => {
    expect(() => read(context)).toThrow(refusal);
  });

  it("may stand beside what the CDK itself keeps in its context", () => {
    const context = { "@aws-cdk/aws-iam:minimizePolicies": true, "aws:cdk:bundling-stacks": ["**"], "hosted-zone:a=b": {} };
    expect(read({ ...context, name: "Test" }).name).toBe("Test");
  });

  it("may hold two keys, while one replaces the other", () => {
    const next = "f".repeat(64);
    expect(read({}, `${API_KEY},${next}`).apiKeySha256).toEqual([sha256(API_KEY), sha256(next)]);
  });

  for (const [what, keys] of Object.entries({
    "no key": "",
    "a key that could be guessed": "secret",
    "an empty second key": `${API_KEY},`,
    "a key no header can hold": `${API_KEY} ${API_KEY}`,
    "three keys": [API_KEY, API_KEY, API_KEY].join(","),
  })) {
    it(`is refused with ${what}, without showing it`, () => {
      expect(() => read({}, keys)).toThrow(/^APOGEE_API_KEY must be [^\n]+ \(export APOGEE_API_KEY=\$\(openssl rand -hex 32\)\)/);
      if (keys !== "") expect(() => read({}, keys)).not.toThrow(keys);
    });
  }
});

it("docs/deploy.md prints every option as the source has it", () => {
  const rows = Object.values(OPTIONS).map(({ env, default: value, unit, description }) => {
    return `| \`${env}\` | ${value === "" ? "" : `\`${value}\``} | ${unit} | ${description} |`;
  });
  const [, printed = ""] = /<!-- options -->\n([\s\S]*)<!-- \/options -->/.exec(readFileSync("docs/deploy.md", "utf8")) ?? [];
  expect(printed.trim().split("\n").slice(2)).toEqual(rows);
});

describe("cdk synth", () => {
  it("refuses an option that is misspelt", async () => {
    const env = { ...process.env, APOGEE_API_KEY: API_KEY, CDK_CONTEXT_JSON: JSON.stringify({ concurency: "50" }) };
    const stderr = await new Promise<string>((resolve) => {
      execFile(process.execPath, ["--import", "tsx", "infra/app.ts"], { env }, (_error, _stdout, text) => resolve(text));
    });
    expect(stderr).toBe("apogee: There is no option 'concurency'. Did you mean 'concurrency'? docs/deploy.md lists them.\n");
  });

  it("ends with one line when there is no key", async () => {
    const { APOGEE_API_KEY: _, ...env } = process.env;
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, ["--import", "tsx", "infra/app.ts"], { env }, (error, _stdout, stderr) =>
        resolve({ code: error?.code, stderr }),
      );
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^apogee: APOGEE_API_KEY must be [^\n]+\n$/);
  });
});

describe("AWS Solutions checks", () => {
  const findings = (app: App) =>
    new AwsSolutionsChecks(app).validateScope(app).violations.map(({ ruleName }) => ruleName.replace(/\[.*/, ""));

  it("find nothing that is not accepted with a reason", () => {
    expect(findings(synthesize().app)).toEqual([]);
  });

  it("find what is wrong with a bare bucket", () => {
    const app = new App();
    new Bucket(new Stack(app, "Bare"), "Bucket");
    expect(findings(app)).toEqual(["AwsSolutions-S1", "AwsSolutions-S10"]);
  });
});
