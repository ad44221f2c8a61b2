import { type BucketLocationConstraint, CreateBucketCommand } from "@aws-sdk/client-s3";
import { type AwsClientSettings, openAwsClients } from "../../../adapters/aws/aws-clients.ts";
import { unlessNamed } from "../../../adapters/aws/failed-call.ts";

/** S3 began here, and takes it for no constraint. */
const FIRST_REGION = "us-east-1";

/** Makes the bucket of the objects in a stand-in, where there is none. On AWS the stack makes it. */
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
