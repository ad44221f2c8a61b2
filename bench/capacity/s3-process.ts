import { startS3Server } from "../../test/support/aws/s3-server/s3-server.ts";

/** S3's stand-in in a process of its own, until the one that started it is gone: its work is not that of who is measured. */
const { endpoint } = await startS3Server();
process.on("disconnect", () => process.exit(0));
process.send?.(endpoint);
