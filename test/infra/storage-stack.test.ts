import { Match, type Template } from "aws-cdk-lib/assertions";
import { describe, expect, it } from "vitest";
import { RETENTION_CLASSES_DAYS } from "../../core/keys.ts";
import { KMS_KEY, synthesize } from "./synthesize.ts";

const { storage } = synthesize();
const only = (template: Template, type: string) => {
  const found = Object.values(template.findResources(type));
  expect(found).toHaveLength(1);
  return found[0]!;
};

describe("the table", () => {
  it("has the keys the item store uses, expires items by x, and bills by request", () => {
    storage.hasResourceProperties("AWS::DynamoDB::Table", {
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
      ],
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "x", Enabled: true },
    });
  });

  it("can be restored to any second, and is not deleted by accident", () => {
    const table = only(storage, "AWS::DynamoDB::Table");
    expect(table.Properties).toMatchObject({
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    });
    expect(table).toMatchObject({ DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
  });
});

describe("the bucket", () => {
  const bucket = only(storage, "AWS::S3::Bucket");

  it("is closed to the public, encrypted, and outlives its stack", () => {
    expect(bucket.Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(bucket.Properties.BucketEncryption.ServerSideEncryptionConfiguration).toEqual([
      { ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } },
    ]);
    expect(bucket).toMatchObject({ DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
  });

  it("refuses whatever does not come over TLS 1.2, and allows nobody anything", () => {
    const { Statement } = only(storage, "AWS::S3::BucketPolicy").Properties.PolicyDocument;
    expect(Statement.map(({ Effect }: { Effect: string }) => Effect)).toEqual(["Deny", "Deny"]);
    const denial = { Action: "s3:*", Effect: "Deny", Principal: { AWS: "*" } };
    storage.hasResourceProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ ...denial, Condition: { Bool: { "aws:SecureTransport": "false" } } }),
          Match.objectLike({ ...denial, Condition: { NumericLessThan: { "s3:TlsVersion": 1.2 } } }),
        ],
      },
    });
  });

  it("lets go of objects by core's retention classes, and of nothing else", () => {
    const rules: Record<string, unknown>[] = bucket.Properties.LifecycleConfiguration.Rules;
    expect(rules.filter((rule) => "ExpirationInDays" in rule)).toEqual(
      RETENTION_CLASSES_DAYS.map((days) => ({
        Id: `log-r${days}`,
        Prefix: `log/r${days}/`,
        ExpirationInDays: days,
        Status: "Enabled",
      })),
    );
    expect(rules.filter((rule) => !("ExpirationInDays" in rule))).toEqual([
      { Id: "abandoned-uploads", AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: "Enabled" },
    ]);
    expect(bucket.Properties).not.toHaveProperty("VersioningConfiguration");
  });
});

it("a throw-away deployment deletes table and bucket with their stack", () => {
  const throwaway = synthesize({ throwaway: "true" }).storage;
  expect(only(throwaway, "AWS::DynamoDB::Table")).toMatchObject({ DeletionPolicy: "Delete" });
  expect(only(throwaway, "AWS::DynamoDB::Table").Properties.DeletionProtectionEnabled).toBe(false);
  expect(only(throwaway, "AWS::S3::Bucket")).toMatchObject({ DeletionPolicy: "Delete" });
});

it("says where the messages are", () => {
  expect(storage.findOutputs("*")).toMatchObject({ Table: {}, Bucket: {} });
});

describe("a key of one's own", () => {
  const keyed = synthesize({ kmsKeyArn: KMS_KEY });

  it("encrypts table, bucket and logs", () => {
    keyed.storage.hasResourceProperties("AWS::DynamoDB::Table", {
      SSESpecification: { SSEEnabled: true, SSEType: "KMS", KMSMasterKeyId: KMS_KEY },
    });
    keyed.storage.hasResourceProperties("AWS::S3::Bucket", {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: KMS_KEY } },
        ],
      },
    });
    for (const template of [keyed.api, keyed.service])
      template.allResourcesProperties("AWS::Logs::LogGroup", { KmsKeyId: KMS_KEY });
  });

  it("is not changed by what deploys with it", () => {
    for (const template of [keyed.storage, keyed.api, keyed.service]) template.resourceCountIs("AWS::KMS::Key", 0);
  });
});

describe("a deployment on another table", () => {
  const restored = synthesize({ tableName: "restored" });

  it("works on it and on its own bucket", () => {
    for (const template of [restored.api, restored.service])
      template.allResourcesProperties("AWS::Lambda::Function", {
        Environment: {
          Variables: Match.objectLike({
            TABLE: "restored",
            BUCKET: { "Fn::ImportValue": Match.stringLikeRegexp("RefBucket") },
          }),
        },
      });
  });

  it("watches it", () => {
    restored.service.hasResourceProperties("AWS::CloudWatch::Alarm", {
      MetricName: "WriteThrottleEvents",
      Dimensions: [{ Name: "TableName", Value: "restored" }],
    });
  });

  it("leaves its own table as it is: what the other stacks had imported of it goes on being exported", () => {
    expect(restored.storage.toJSON()).toEqual(storage.toJSON());
  });
});
