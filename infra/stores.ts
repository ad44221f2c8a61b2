import { Stack, Validations } from "aws-cdk-lib";
import { type ITable, Table } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement, type Role } from "aws-cdk-lib/aws-iam";
import { type IKey, Key } from "aws-cdk-lib/aws-kms";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";

const OBJECTS = "log/*";

/** The stores that functions work on. */
export interface Stores {
  readonly table: ITable;
  readonly bucket: Bucket;
  /** The key that encrypts both, if AWS's own keys will not do. */
  readonly key: IKey | undefined;
}

/** The stores that a deployment makes. */
interface OwnStores {
  readonly table: Table;
  readonly bucket: Bucket;
}

/** The deployment's own stores, or its bucket and a given table. */
export function storesFor(scope: Construct, storage: OwnStores, { tableName, kmsKeyArn }: Deployment): Stores {
  return {
    // The CDK's types mark as optional what they declare as undefined.
    table: tableName === undefined ? (storage.table as ITable) : Table.fromTableName(scope, "OtherTable", tableName),
    bucket: storage.bucket,
    key: keyOf(scope, kmsKeyArn),
  };
}

/** A key of another owner, who writes its policy. */
export const keyOf = (scope: Construct, arn: string | undefined): IKey | undefined =>
  arn === undefined ? undefined : Key.fromKeyArn(scope, "Key", arn);

/** Every call that the broker makes to its table. A transaction needs the permission for each of its parts, and none of its own. */
const TABLE_ACTIONS = [
  "dynamodb:BatchGetItem",
  "dynamodb:ConditionCheckItem",
  "dynamodb:DeleteItem",
  "dynamodb:GetItem",
  "dynamodb:PutItem",
  "dynamodb:Query",
  "dynamodb:UpdateItem",
];

/** Lets `role` do with table and bucket what the broker does, and nothing else: it deletes no object and scans no table. */
export function grantStoreAccess(role: Role, { table, bucket }: Pick<Stores, "table" | "bucket">): void {
  const allow = (actions: string[], resource: string) =>
    role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
  allow(TABLE_ACTIONS, table.tableArn);
  allow(["s3:GetObject", "s3:PutObject"], bucket.arnForObjects(OBJECTS));
  // Without it S3 answers 403 for an expired object. A condition on the prefix would undo that: a GetObject has none.
  allow(["s3:ListBucket"], bucket.bucketArn);
  const { "Fn::ImportValue": arn } = role.stack.resolve(bucket.stack.exportValue(bucket.bucketArn));
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${arn}/${OBJECTS}]`,
    reason: "Objects get their names while the broker runs; all of them are below this prefix, and nothing else is.",
  });
}

/** The calls that DynamoDB and S3 make with a key on behalf of their callers. */
const KEY_ACTIONS = [
  "kms:Decrypt",
  "kms:DescribeKey",
  "kms:Encrypt",
  "kms:GenerateDataKey",
  "kms:ReEncryptFrom",
  "kms:ReEncryptTo",
];

/** Lets `role` use `key` through the two stores, and for nothing else. */
export function grantKeyUse(role: Role, key: IKey): void {
  const { region } = Stack.of(role);
  role.addToPolicy(
    new PolicyStatement({
      actions: KEY_ACTIONS,
      resources: [key.keyArn],
      conditions: { StringEquals: { "kms:ViaService": [`dynamodb.${region}.amazonaws.com`, `s3.${region}.amazonaws.com`] } },
    }),
  );
}
