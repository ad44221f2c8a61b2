import { createHash } from "node:crypto";
import { Stack } from "aws-cdk-lib";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { API_KEY, synthesize } from "./synthesize.ts";

const { storage, service } = synthesize();
const functions = Object.values(service.findResources("AWS::Lambda::Function"));
const API = { Description: "Apogee HTTP API" };
const MAINTENANCE = Match.stringLikeRegexp("maintenance");
const SCANNER = Match.stringLikeRegexp("scanner");

describe("the functions", () => {
  it("are three, all on Node.js 22 and ARM, in no network of their own", () => {
    expect(functions).toHaveLength(3);
    for (const { Properties } of functions) {
      expect(Properties).toMatchObject({ Runtime: "nodejs22.x", Architectures: ["arm64"], Handler: "index.handler" });
      expect(Properties).not.toHaveProperty("VpcConfig");
    }
  });

  it("know where the messages are, and the hash of the key", () => {
    service.hasResourceProperties("AWS::Lambda::Function", {
      ...API,
      Environment: {
        Variables: {
          TABLE: { "Fn::ImportValue": Match.stringLikeRegexp("RefTable") },
          BUCKET: { "Fn::ImportValue": Match.stringLikeRegexp("RefBucket") },
          API_KEY_SHA256: createHash("sha256").update(API_KEY).digest("hex"),
          LONG_POLL_SECONDS_MAX: "20",
          LOG_LEVEL: "info",
          SCANNER_FUNCTION: { Ref: Match.stringLikeRegexp("^Scanner") },
        },
      },
    });
    for (const Description of [MAINTENANCE, SCANNER])
      service.hasResourceProperties("AWS::Lambda::Function", {
        Description,
        Environment: {
          Variables: Match.objectEquals({ TABLE: Match.anyValue(), BUCKET: Match.anyValue(), LOG_LEVEL: "info" }),
        },
      });
  });

  it("never see the key itself: it is in neither template", () => {
    expect(JSON.stringify([storage.toJSON(), service.toJSON()])).not.toContain(API_KEY);
  });

  it("answer before they are cut off: the longest poll leaves ten seconds", () => {
    const { Timeout, Environment } = functions.find(({ Properties }) => Properties.Description === API.Description)!.Properties;
    expect(Timeout).toBeGreaterThanOrEqual(Number(Environment.Variables.LONG_POLL_SECONDS_MAX) + 10);
  });

  it("scan until the next tick has come, and have time to end what is under way then", () => {
    service.hasResourceProperties("AWS::Lambda::Function", { Description: SCANNER, Timeout: 80 });
  });

  it("write a log each that is deleted after a month", () => {
    const logs = Object.values(service.findResources("AWS::Logs::LogGroup"));
    expect(logs.map(({ Properties }) => Properties.RetentionInDays)).toEqual([30, 30, 30]);
    const groups = functions.map(({ Properties }) => Properties.LoggingConfig.LogGroup.Ref);
    expect(new Set(groups).size).toBe(3);
  });

  it("run at most as often at once as the deployment allows", () => {
    service.hasResourceProperties("AWS::Lambda::Function", { ...API, ReservedConcurrentExecutions: Match.absent() });
    synthesize({ concurrency: "7" }).service.hasResourceProperties("AWS::Lambda::Function", {
      ...API,
      ReservedConcurrentExecutions: 7,
    });
  });
});

describe("the URL", () => {
  it("is the API's, and the only thing open to the network", () => {
    service.hasResourceProperties("AWS::Lambda::Url", {
      AuthType: "NONE",
      Cors: Match.absent(),
      TargetFunctionArn: { "Fn::GetAtt": [Match.stringLikeRegexp("^Api"), "Arn"] },
    });
    service.resourceCountIs("AWS::Lambda::Url", 1);
    const open = Object.values(service.findResources("AWS::Lambda::Permission")).filter(
      ({ Properties }) => Properties.Principal === "*",
    );
    expect(open).toHaveLength(2);
    for (const { Properties } of open) {
      expect(Properties.FunctionName["Fn::GetAtt"][0]).toMatch(/^Api/);
      // By its URL alone, never as a function.
      expect(Properties.FunctionUrlAuthType === "NONE" || Properties.InvokedViaFunctionUrl === true).toBe(true);
    }
  });

  it("is what a deployment prints", () => {
    expect(service.findOutputs("Url")).toMatchObject({ Url: { Value: {} } });
  });
});

describe("the schedule", () => {
  it("runs maintenance and the scanner every minute, and leaves what failed to the next minute", () => {
    const target = (name: string) =>
      Match.objectLike({
        Arn: { "Fn::GetAtt": [Match.stringLikeRegexp(`^${name}`), "Arn"] },
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      });
    service.resourceCountIs("AWS::Events::Rule", 1);
    service.hasResourceProperties("AWS::Events::Rule", {
      ScheduleExpression: "rate(1 minute)",
      State: "ENABLED",
      Targets: [target("Maintenance"), target("Scanner")],
    });
  });

  it.each(["Maintenance", "Scanner"])("%s is invoked once for each event, and for none that is a minute old", (name) => {
    service.hasResourceProperties("AWS::Lambda::EventInvokeConfig", {
      FunctionName: { Ref: Match.stringLikeRegexp(`^${name}`) },
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });
});

describe("monitoring", () => {
  const alarmsOf = ({ service: template }: ReturnType<typeof synthesize>) =>
    Object.values(template.findResources("AWS::CloudWatch::Alarm")).map(({ Properties }) => Properties);

  it("alarms on what someone should look at, on one metric each", () => {
    expect(
      alarmsOf({ storage, service } as ReturnType<typeof synthesize>)
        .map(({ MetricName }) => MetricName)
        .sort(),
    ).toEqual(["Errors", "Errors", "Invocations", "Invocations", "Throttles", "Url5xxCount", "WriteThrottleEvents"]);
    for (const name of ["Maintenance", "Scanner"])
      for (const MetricName of ["Errors", "Invocations"])
        service.hasResourceProperties("AWS::CloudWatch::Alarm", {
          MetricName,
          Dimensions: [{ Name: "FunctionName", Value: { Ref: Match.stringLikeRegexp(`^${name}`) } }],
        });
  });

  it("takes silence of what is scheduled for a fault, and no other silence", () => {
    for (const { MetricName, TreatMissingData } of alarmsOf(synthesize()))
      expect(TreatMissingData).toBe(MetricName === "Invocations" ? "breaching" : "notBreaching");
  });

  it("notifies a topic when it is given one", () => {
    const alarmTopicArn = "arn:aws:sns:eu-west-1:123456789012:pager";
    for (const { AlarmActions } of alarmsOf(synthesize({ alarmTopicArn }))) expect(AlarmActions).toEqual([alarmTopicArn]);
  });

  it("can be left out, and then nothing is billed by the month", () => {
    const { service: bare } = synthesize({ monitoring: "false" });
    bare.resourceCountIs("AWS::CloudWatch::Alarm", 0);
    bare.resourceCountIs("AWS::CloudWatch::Dashboard", 0);
  });
});

it("two deployments have stacks of different names", () => {
  const stacks = synthesize({ name: "Staging" }).app.node.children.filter(Stack.isStack);
  expect(stacks.map(({ stackName }) => stackName)).toEqual(["StagingStorage", "StagingService"]);
});
