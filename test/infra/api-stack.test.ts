import { createHash } from "node:crypto";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { API_KEY, ORDINARY, type Synthesized, synthesize } from "./synthesize.ts";

const { storage, api, service } = synthesize();
const FUNCTION = "AWS::Lambda::Function";
const NEW_ACCOUNT = { quota: 10, free: 10 };
const pollSecondsOf = ({ api: template }: Pick<Synthesized, "api">): unknown =>
  Object.values(template.findResources(FUNCTION))[0]?.Properties.Environment.Variables.LONG_POLL_SECONDS_MAX;

describe("the API function", () => {
  it("has a name that follows from the deployment's, and memory as the deployment says", () => {
    api.hasResourceProperties(FUNCTION, { FunctionName: "Apogee-api", MemorySize: 512 });
    synthesize({ name: "Test", apiMemory: "1769" }).api.hasResourceProperties(FUNCTION, {
      FunctionName: "Test-api",
      MemorySize: 1_769,
    });
  });

  it("knows where the messages are, the hash of the key, and the scanner by its name", () => {
    api.hasResourceProperties(FUNCTION, {
      Environment: {
        Variables: {
          TABLE: { "Fn::ImportValue": Match.stringLikeRegexp("RefTable") },
          BUCKET: { "Fn::ImportValue": Match.stringLikeRegexp("RefBucket") },
          API_KEY_SHA256: createHash("sha256").update(API_KEY).digest("hex"),
          LONG_POLL_SECONDS_MAX: "20",
          LOG_LEVEL: "info",
          SCANNER_FUNCTION: "Apogee-scanner:live",
          TIMER_SHARDS: "4",
          UV_THREADPOOL_SIZE: "16",
          RELEASE: Match.stringLikeRegexp("^[0-9a-f]{12}$"),
        },
      },
    });
  });

  it("never sees the key itself: it is in no template", () => {
    expect(JSON.stringify([storage, api, service].map((template) => template.toJSON()))).not.toContain(API_KEY);
  });

  it("answers before it is cut off: the longest poll leaves ten seconds", () => {
    const [made] = Object.values(api.findResources(FUNCTION));
    expect(made?.Properties.Timeout).toBeGreaterThanOrEqual(Number(pollSecondsOf({ api })) + 10);
  });

  it("runs at most as often at once as the deployment says, or else half of what the account may", () => {
    api.hasResourceProperties(FUNCTION, { ReservedConcurrentExecutions: 500 });
    synthesize({ concurrency: "7" }).api.hasResourceProperties(FUNCTION, { ReservedConcurrentExecutions: 7 });
  });

  it("has nothing reserved where nothing can be, and then lets nobody wait for long, unless it is told to", () => {
    for (const account of [NEW_ACCOUNT, "unknown"] as const) {
      const tight = synthesize({}, account);
      for (const template of [tight.api, tight.service])
        template.allResourcesProperties(FUNCTION, { ReservedConcurrentExecutions: Match.absent() });
      expect(pollSecondsOf(tight)).toBe("2");
    }
    expect(pollSecondsOf(synthesize({ longPollSeconds: "20" }, NEW_ACCOUNT))).toBe("20");
    expect(pollSecondsOf(synthesize({ longPollSeconds: "5" }, ORDINARY))).toBe("5");
  });
});

describe("its address", () => {
  it("is that of the version that serves, and the only thing open to the network", () => {
    api.hasResourceProperties("AWS::Lambda::Url", { AuthType: "NONE", Cors: Match.absent(), Qualifier: "live" });
    api.resourceCountIs("AWS::Lambda::Url", 1);
    service.resourceCountIs("AWS::Lambda::Url", 0);
    const open = [api, service]
      .flatMap((template) => Object.values(template.findResources("AWS::Lambda::Permission")))
      .filter(({ Properties }) => Properties.Principal === "*");
    expect(open).toHaveLength(2);
    for (const { Properties } of open) {
      expect(Properties.FunctionName.Ref).toMatch(/^ApiFunctionAliaslive/);
      // By its URL alone, never as a function.
      expect(Properties.FunctionUrlAuthType === "NONE" || Properties.InvokedViaFunctionUrl === true).toBe(true);
    }
  });

  it("is what a deployment prints", () => {
    expect(api.findOutputs("Url")).toMatchObject({ Url: { Value: {} } });
  });

  it("stays while the service is removed: neither stack imports from the other", () => {
    const imports = (template: typeof api) => [...JSON.stringify(template.toJSON()).matchAll(/"Fn::ImportValue":"(\w+):/g)];
    for (const template of [api, service]) for (const [, stack] of imports(template)) expect(stack).toBe("ApogeeStorage");
  });

  it("is not removed by accident", () => {
    const protectedStacks = (context: Record<string, string>) =>
      Object.entries(synthesize(context).stacks)
        .filter(([, stack]) => stack.terminationProtection)
        .map(([name]) => name);
    expect(protectedStacks({})).toEqual(["storage", "api"]);
    expect(protectedStacks({ throwaway: "true" })).toEqual([]);
  });
});
