import { type BucketLocationConstraint, CreateBucketCommand } from "@aws-sdk/client-s3";
import { type AwsClientSettings, openAwsClients } from "./aws-clients.ts";
import { failedCall, unlessNamed } from "./failed-call.ts";

/** S3 began here, and takes it for no constraint. */
const FIRST_REGION = "us-east-1";

/** Makes the bucket of the objects where there is none: in a stand-in. On AWS the stack makes it. Idempotent. Errors: `StoreUnavailable`. */
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
  } catch (error) {
    throw failedCall(error, `createBucket ${bucket}`, "write").error;
  } finally {
    close();
  }
}
