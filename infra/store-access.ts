import { Validations } from "aws-cdk-lib";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement, type Role } from "aws-cdk-lib/aws-iam";
import type { Bucket } from "aws-cdk-lib/aws-s3";

const OBJECTS = "log/*";

/** Every call the broker makes of its stores. A transaction asks for the right to each of its parts and has none of its own. */
const TABLE_ACTIONS = [
  "dynamodb:BatchGetItem",
  "dynamodb:ConditionCheckItem",
  "dynamodb:DeleteItem",
  "dynamodb:GetItem",
  "dynamodb:PutItem",
  "dynamodb:Query",
  "dynamodb:UpdateItem",
];

/** Lets `role` do to table and bucket what the broker does, and nothing else: it deletes no object and scans no table. */
export function grantStoreAccess(role: Role, { table, bucket }: { table: Table; bucket: Bucket }): void {
  const allow = (actions: string[], resource: string) =>
    role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
  allow(TABLE_ACTIONS, table.tableArn);
  allow(["s3:GetObject", "s3:PutObject"], bucket.arnForObjects(OBJECTS));
  // Without it S3 answers 403 where an object is gone by age. A condition on the prefix would undo that: a GetObject has none.
  allow(["s3:ListBucket"], bucket.bucketArn);
  const { "Fn::ImportValue": arn } = role.stack.resolve(bucket.stack.exportValue(bucket.bucketArn));
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${arn}/${OBJECTS}]`,
    reason: "Objects get their names while the broker runs; all of them are below this prefix, and nothing else is.",
  });
}
