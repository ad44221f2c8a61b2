import { startS3Server } from "../../test/support/aws/s3-server/s3-server.ts";

/** S3's stand-in in its own process, so that its work is not measured. It ends with the process that started it. */
const { endpoint } = await startS3Server();
process.on("disconnect", () => process.exit(0));
process.send?.(endpoint);
