import { Stack } from "aws-cdk-lib";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { type Synthesized, synthesize } from "./synthesize.ts";

const FUNCTION = "AWS::Lambda::Function";
const defaults = synthesize();
const { service } = defaults;
// biome-ignore lint/suspicious/noExplicitAny: a template holds whatever CloudFormation takes.
type Properties = Record<string, any>;
type Resource = { Properties: Properties; DeletionPolicy?: string };
const resourcesOf = (from: Synthesized, type: string): [string, Resource][] =>
  [from.api, from.service].flatMap((template) => Object.entries(template.findResources(type)) as [string, Resource][]);
const all = (type: string) => resourcesOf(defaults, type);
const SCANNER = { "Fn::Join": ["", Match.arrayWith([":function:Apogee-scanner:live"])] };

describe("the functions", () => {
  it("are three, all on Node.js 24 and ARM, in no network of their own", () => {
    const functions = all(FUNCTION);
    expect(functions.map(([, { Properties }]) => Properties.FunctionName).sort()).toEqual([
      "Apogee-api",
      "Apogee-maintenance",
      "Apogee-scanner",
    ]);
    for (const [, { Properties }] of functions) {
      expect(Properties).toMatchObject({ Runtime: "nodejs24.x", Architectures: ["arm64"], Handler: "index.handler" });
      expect(Properties).not.toHaveProperty("VpcConfig");
    }
  });

  it("that the schedule runs know where the messages are, and which deployment they are of", () => {
    const common = {
      TABLE: { "Fn::ImportValue": Match.stringLikeRegexp("RefTable") },
      BUCKET: { "Fn::ImportValue": Match.stringLikeRegexp("RefBucket") },
      LOG_LEVEL: "info",
      DEPLOYMENT: "Apogee",
      UV_THREADPOOL_SIZE: "16",
      RELEASE: Match.anyValue(),
    };
    for (const [FunctionName, Variables] of Object.entries({
      "Apogee-maintenance": common,
      "Apogee-scanner": { ...common, TIMER_SHARDS: "4" },
    }))
      service.hasResourceProperties(FUNCTION, { FunctionName, Environment: { Variables: Match.objectEquals(Variables) } });
  });

  it("share the timers over as many shards as the deployment says", () => {
    const sharded = synthesize({ timerShards: "16" });
    for (const [template, FunctionName] of [
      [sharded.api, "Apogee-api"],
      [sharded.service, "Apogee-scanner"],
    ] as const)
      template.hasResourceProperties(FUNCTION, {
        FunctionName,
        Environment: { Variables: Match.objectLike({ TIMER_SHARDS: "16" }) },
      });
  });

  it("scan for some minutes where they are behind", () => {
    service.hasResourceProperties(FUNCTION, { FunctionName: "Apogee-scanner", Timeout: 300 });
  });

  it("scan with room for large messages, which no other function takes away", () => {
    service.hasResourceProperties(FUNCTION, {
      FunctionName: "Apogee-scanner",
      MemorySize: 1_024,
      ReservedConcurrentExecutions: 4,
    });
    synthesize({ scannerMemory: "3008" }).service.hasResourceProperties(FUNCTION, {
      FunctionName: "Apogee-scanner",
      MemorySize: 3_008,
    });
  });

  it("write a log each that is deleted after a month, or when the deployment says", () => {
    const logs = all("AWS::Logs::LogGroup");
    expect(logs.map(([, { Properties }]) => Properties.RetentionInDays)).toEqual([30, 30, 30]);
    const groups = all(FUNCTION).map(([, { Properties }]) => Properties.LoggingConfig.LogGroup.Ref);
    expect(new Set(groups).size).toBe(3);
    const kept = resourcesOf(synthesize({ logRetentionDays: "365" }), "AWS::Logs::LogGroup");
    expect(kept.map(([, { Properties }]) => Properties.RetentionInDays)).toEqual([365, 365, 365]);
  });
});

describe("versions", () => {
  const versionsOf = (from: Synthesized) => resourcesOf(from, "AWS::Lambda::Version").map(([id]) => id);
  const releasesOf = (from: Synthesized) =>
    resourcesOf(from, FUNCTION).map(([, { Properties }]) => Properties.Environment.Variables.RELEASE);

  it("of a function stay when a newer one serves, and `live` is the newest", () => {
    expect(all("AWS::Lambda::Version").map(([, { DeletionPolicy }]) => DeletionPolicy)).toEqual(["Retain", "Retain", "Retain"]);
    const aliases = all("AWS::Lambda::Alias").map(([, { Properties }]) => Properties);
    expect(aliases.map(({ Name }) => Name)).toEqual(["live", "live", "live"]);
    const newest = aliases.map(({ FunctionVersion }) => FunctionVersion["Fn::GetAtt"][0]);
    expect(newest.sort()).toEqual(versionsOf(defaults).sort());
  });

  it.each([
    ["an option of one function", synthesize({ apiMemory: "1024" })],
    ["an option of another", synthesize({ scannerMemory: "2048" })],
    ["another table", synthesize({ tableName: "restored" })],
    ["other code", synthesize({}, undefined, "export const handler = () => 1;\n")],
  ])("are new of all three functions for %s, and of one release", (_what, changed) => {
    const before = versionsOf(defaults);
    expect(versionsOf(changed)).toHaveLength(3);
    expect(versionsOf(changed).filter((id) => before.includes(id))).toEqual([]);
    expect(new Set(releasesOf(changed)).size).toBe(1);
    expect(releasesOf(changed)).not.toEqual(releasesOf(defaults));
  });

  it("stay the same where nothing changes that functions are made of", () => {
    const before = versionsOf(defaults);
    expect(versionsOf(synthesize({ monitoring: "false", concurrency: "7", logRetentionDays: "7" }))).toEqual(before);
  });
});

describe("the schedule", () => {
  it("runs maintenance and the scanner every minute, and leaves what failed to the next minute", () => {
    const target = (name: string) =>
      Match.objectLike({
        Arn: { Ref: Match.stringLikeRegexp(`^${name}FunctionAliaslive`) },
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      });
    service.resourceCountIs("AWS::Events::Rule", 1);
    service.hasResourceProperties("AWS::Events::Rule", {
      ScheduleExpression: "rate(1 minute)",
      State: "ENABLED",
      Targets: [target("Maintenance"), target("Scanner")],
    });
  });

  it.each([
    ["Maintenance", Match.absent()],
    // So one that dies is started again at once.
    ["Scanner", { OnFailure: { Destination: SCANNER } }],
  ])("%s is invoked once for each event, and for none that is a minute old", (name, DestinationConfig) => {
    service.hasResourceProperties("AWS::Lambda::EventInvokeConfig", {
      FunctionName: { Ref: Match.stringLikeRegexp(`^${name}`) },
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
      DestinationConfig,
    });
  });
});

describe("monitoring", () => {
  const alarmsOf = ({ service: template }: { service: typeof service }) =>
    Object.values(template.findResources("AWS::CloudWatch::Alarm")).map(({ Properties }) => Properties);
  const dimensions = (alarm: Properties) =>
    alarm.Dimensions.map(({ Value }: { Value: unknown }) => (typeof Value === "string" ? Value : "table")).join(" ");

  it("alarms on what someone should look at, on one metric each", () => {
    const seen = alarmsOf({ service }).map((alarm) => `${alarm.Namespace} ${alarm.MetricName} ${dimensions(alarm)}`);
    expect(seen.sort()).toEqual([
      "AWS/DynamoDB ReadThrottleEvents table",
      "AWS/DynamoDB SystemErrors Query table",
      "AWS/DynamoDB WriteThrottleEvents table",
      "AWS/Lambda Errors Apogee-maintenance",
      "AWS/Lambda Errors Apogee-scanner",
      "AWS/Lambda Invocations Apogee-maintenance",
      "AWS/Lambda Invocations Apogee-scanner",
      "AWS/Lambda Throttles Apogee-api",
      "AWS/Lambda Throttles Apogee-scanner",
      "AWS/Lambda Url5xxCount Apogee-api",
      "Apogee ChecksNotPosted Apogee",
      "Apogee DueTimersWaiting Apogee",
      "Apogee OldestDueTimerSeconds Apogee",
    ]);
  });

  it("alarms when what was due half a minute ago is late in two minutes of three", () => {
    service.hasResourceProperties("AWS::CloudWatch::Alarm", {
      MetricName: "OldestDueTimerSeconds",
      Statistic: "Maximum",
      Period: 60,
      Threshold: 30,
      ComparisonOperator: "GreaterThanThreshold",
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
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
  expect(stacks.map(({ stackName }) => stackName)).toEqual(["StagingStorage", "StagingApi", "StagingService"]);
});

it("tags everything as the deployment says", () => {
  const { storage, api: apiTemplate, service: rest } = synthesize({ tags: "team=orders,cost center=7" });
  const Tags = Match.arrayWith([
    { Key: "cost center", Value: "7" },
    { Key: "team", Value: "orders" },
  ]);
  for (const template of [apiTemplate, rest]) template.allResourcesProperties(FUNCTION, { Tags });
  for (const type of ["AWS::DynamoDB::Table", "AWS::S3::Bucket"]) storage.allResourcesProperties(type, { Tags });
});
