import { CfnOutput, Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { AttributeType, BillingMode, Table, TableEncryption } from "aws-cdk-lib/aws-dynamodb";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { framesPrefix, RETENTION_CLASSES_DAYS } from "../core/keys.ts";
import type { Deployment } from "./deployment.ts";
import { keyOf } from "./stores.ts";

/** Everything that the broker keeps: the table and the bucket. Both outlive their stack, unless the deployment is a throw-away. */
export class StorageStack extends Stack {
  readonly table: Table;
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { throwaway, kmsKeyArn }: Pick<Deployment, "throwaway" | "kmsKeyArn">) {
    super(scope, id, { description: "Apogee: message log and group progress", terminationProtection: !throwaway });
    const removalPolicy = throwaway ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
    const encryptionKey = keyOf(this, kmsKeyArn);

    this.table = new Table(this, "Table", {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      sortKey: { name: "sk", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: "x",
      ...(encryptionKey && { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: !throwaway,
      removalPolicy,
    });

    this.bucket = new Bucket(this, "Bucket", {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      ...(encryptionKey
        ? // With a key for the bucket S3 asks KMS now and then, in place of once for each object.
          { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      // An object is written once, under a name that is never reused. So an older version could only be a deleted object, still billed.
      versioned: false,
      lifecycleRules: [
        // S3 rounds up to the next midnight, so an object never expires before core counts it as expired.
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
    // Exported even if unused: else a deployment that moves to another table would withdraw an export that its stacks still use.
    for (const value of [this.table.tableName, this.table.tableArn, this.bucket.bucketName, this.bucket.bucketArn])
      this.exportValue(value);
    new CfnOutput(this, "TableName", { key: "Table", value: this.table.tableName });
    new CfnOutput(this, "BucketName", { key: "Bucket", value: this.bucket.bucketName });
  }
}
