import { CfnOutput, Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { AttributeType, BillingMode, Table } from "aws-cdk-lib/aws-dynamodb";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { framesPrefix, RETENTION_CLASSES_DAYS } from "../core/keys.ts";
import type { Deployment } from "./deployment.ts";

/** Everything the broker keeps: the table and the bucket. Both outlive their stack, unless the deployment is a throw-away. */
export class StorageStack extends Stack {
  readonly table: Table;
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { throwaway }: Pick<Deployment, "throwaway">) {
    super(scope, id, { description: "Apogee: message log and group progress", terminationProtection: !throwaway });
    const removalPolicy = throwaway ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;

    this.table = new Table(this, "Table", {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      sortKey: { name: "sk", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: "x",
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: !throwaway,
      removalPolicy,
    });

    this.bucket = new Bucket(this, "Bucket", {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      encryption: BucketEncryption.S3_MANAGED,
      // An object is written once, under a name that is never used again: an older version could only be a deleted object, billed on.
      versioned: false,
      lifecycleRules: [
        // S3 rounds up to the midnight after, so an object is never gone before core counts it as expired.
        ...RETENTION_CLASSES_DAYS.map((days) => ({
          id: `log-r${days}`,
          prefix: framesPrefix(days),
          expiration: Duration.days(days),
        })),
        { id: "abandoned-uploads", abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy,
    });

    Validations.of(this.bucket).acknowledge({
      id: "AwsSolutions-S1",
      reason:
        "Only the functions get at it, and they log their requests; access logs would be a second bucket that grows for ever.",
    });
    new CfnOutput(this, "TableName", { key: "Table", value: this.table.tableName });
    new CfnOutput(this, "BucketName", { key: "Bucket", value: this.bucket.bucketName });
  }
}
