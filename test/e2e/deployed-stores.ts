import { readFileSync } from "node:fs";
import { DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteObjectsCommand, HeadBucketCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import type { Outputs } from "./cdk.ts";
import type { Ministack } from "./ministack.ts";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

/** The deployed table and bucket, as whoever deployed them gets at them. */
export class DeployedStores {
  readonly #names: Pick<Outputs, "table" | "bucket">;
  readonly #s3: S3Client;
  readonly #dynamodb: DynamoDBClient;

  constructor({ env, ca }: Ministack, names: Pick<Outputs, "table" | "bucket">) {
    this.#names = names;
    const settings = {
      region: env.AWS_REGION ?? "",
      endpoint: env.AWS_ENDPOINT_URL ?? "",
      credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? "", secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "" },
      requestHandler: { httpsAgent: { ca: readFileSync(ca) } },
    };
    this.#s3 = new S3Client({ ...settings, forcePathStyle: true });
    this.#dynamodb = new DynamoDBClient(settings);
  }

  /** CloudFormation deletes no bucket that holds something. Returns how many objects there were. */
  async emptyBucket(): Promise<number> {
    const { bucket: Bucket } = this.#names;
    for (let count = 0; ; ) {
      const { Contents = [] } = await this.#s3.send(new ListObjectsV2Command({ Bucket }));
      if (Contents.length === 0) return count;
      await this.#s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } }));
      count += Contents.length;
    }
  }

  /** Errors: when the table or the bucket is still there. */
  async checkGone(): Promise<void> {
    const { table: TableName, bucket: Bucket } = this.#names;
    await expectFailure("ResourceNotFoundException", this.#dynamodb.send(new DescribeTableCommand({ TableName })));
    await expectFailure("NotFound", this.#s3.send(new HeadBucketCommand({ Bucket })));
  }
}

async function expectFailure(name: string, answer: Promise<object>): Promise<void> {
  const failure = await answer.then(
    () => "an answer",
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );
  if (failure !== name) throw new Error(`expected ${name}, got ${failure}`);
}
