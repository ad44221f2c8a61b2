import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks } from "cdk-nag";
import { describe, expect, it } from "vitest";
import { InvalidSetting } from "../../functions/runtime/settings.ts";
import { readDeployment } from "../../infra/deployment.ts";
import { OPTIONS } from "../../infra/options.ts";
import { API_KEY, KMS_KEY, synthesize } from "./synthesize.ts";

const read = (context: Record<string, unknown>, APOGEE_API_KEY: string | undefined = API_KEY) =>
  readDeployment(context, { APOGEE_API_KEY });
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("what a deployment is told", () => {
  it("has defaults that keep the messages", () => {
    expect(read({})).toEqual({
      name: "Apogee",
      throwaway: false,
      tableName: undefined,
      kmsKeyArn: undefined,
      tags: [],
      apiMemory: 512,
      scannerMemory: 1_024,
      timerShards: 4,
      concurrency: undefined,
      accountConcurrency: undefined,
      longPollSeconds: undefined,
      monitoring: true,
      alarmTopicArn: undefined,
      corsOrigins: [],
      logLevel: "info",
      logRetentionDays: 30,
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

  it("may tag what is deployed", () => {
    expect(read({ tags: "team=orders,cost center=,a/b=c=d" }).tags).toEqual([
      { name: "team", value: "orders" },
      { name: "cost center", value: "" },
      { name: "a/b", value: "c=d" },
    ]);
  });

  for (const [name, value] of [
    ["name", "a/b"],
    // A function's name has 64 characters at most, and this is the beginning of it.
    ["name", "a".repeat(49)],
    ["throwaway", "yes"],
    ["tableName", "a b"],
    ["kmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:alias/mine"],
    ["tags", "team"],
    ["tags", "team=a,team=b"],
    ["tags", "aws:team=a"],
    ["tags", "=a"],
    ["apiMemory", "128"],
    ["scannerMemory", "10241"],
    ["timerShards", "3"],
    ["timerShards", "65"],
    ["timerShards", "4.5"],
    ["concurrency", "0"],
    ["accountConcurrency", "many"],
    ["longPollSeconds", "21"],
    ["monitoring", "maybe"],
    ["alarmTopicArn", "pager"],
    ["logLevel", "loud"],
    ["logRetentionDays", "31"],
  ] as const) {
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
    [{ "log.level": "warn" }, "There is no option 'log.level'. Did you mean 'logLevel'?"],
    [{ "name ": "x" }, "There is no option 'name '. Did you mean 'name'?"],
    [{ "concurrency:": "5" }, "There is no option 'concurrency:'. Did you mean 'concurrency'?"],
    [{ "@concurrency": "5" }, "There is no option '@concurrency'. Did you mean 'concurrency'?"],
    [{ "--concurrency": "5" }, "There is no option '--concurrency'. Did you mean 'concurrency'?"],
    [{ größe: "5" }, "There is no option 'größe'."],
    [{ "": "5" }, "There is no option ''."],
  ])("is refused where it is no option: %j", (context, refusal) => {
    expect(() => read(context)).toThrow(refusal);
  });

  it("may stand beside what the CDK itself keeps in its context", () => {
    const context = {
      "@aws-cdk/aws-iam:minimizePolicies": true,
      "aws:cdk:bundling-stacks": ["**"],
      "aws-cdk:enableDiffNoFail": true,
      "hosted-zone:account=123456789012:domainName=a.b:region=eu-west-1": {},
      "ami:account=123456789012:filters.image-type.0=machine:region=eu-west-1": "ami-1",
      "acknowledged-issue-numbers": [1],
      "cli-telemetry": false,
    };
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

  it("asks nobody without an account, and says what that means", async () => {
    const env = { PATH: process.env.PATH, APOGEE_API_KEY: API_KEY, CDK_OUTDIR: mkdtempSync(join(tmpdir(), "apogee-synth-")) };
    try {
      const stderr = await new Promise<string>((resolve) => {
        execFile(process.execPath, ["--import", "tsx", "infra/app.ts"], { env }, (_error, _stdout, text) => resolve(text));
      });
      expect(stderr).toBe(
        'apogee: Nothing is reserved for the scanner, as the account\'s quota is not known; docs/deploy.md, "New accounts", says what to do.\n',
      );
    } finally {
      rmSync(env.CDK_OUTDIR, { recursive: true });
    }
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

  it.each([
    ["a deployment", {}],
    ["one with a key of one's own, on a restored table", { kmsKeyArn: KMS_KEY, tableName: "restored" }],
  ])("find nothing in %s that is not accepted with a reason", (_what, context) => {
    expect(findings(synthesize(context).app)).toEqual([]);
  });

  it("find what is wrong with a bare bucket", () => {
    const app = new App();
    new Bucket(new Stack(app, "Bare"), "Bucket");
    expect(findings(app)).toEqual(["AwsSolutions-S1", "AwsSolutions-S10"]);
  });
});
