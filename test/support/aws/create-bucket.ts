import { type BucketLocationConstraint, CreateBucketCommand } from "@aws-sdk/client-s3";
import { type AwsClientSettings, openAwsClients } from "../../../adapters/aws/aws-clients.ts";
import { unlessNamed } from "../../../adapters/aws/failed-call.ts";

/** S3's first region, which it does not accept as a location constraint. */
const FIRST_REGION = "us-east-1";

/** Creates the bucket of objects in a stand-in, if there is none. On AWS the stack creates it. */
export async function createBucket(settings: AwsClientSettings & { readonly bucket: string }): Promise<void> {
  const { region, bucket } = settings;
  const { s3, close } = openAwsClients(settings);
  const place = { LocationConstraint: region as BucketLocationConstraint };
  const command = new CreateBucketCommand({
    Bucket: bucket,
    ...(region !== FIRST_REGION && { CreateBucketConfiguration: place }),
  });
  try {
    await s3.send(command).catch(unlessNamed("BucketAlreadyOwnedByYou"));
  } finally {
    close();
  }
}
