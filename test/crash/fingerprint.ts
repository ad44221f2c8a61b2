import { createHash } from "node:crypto";

/** Names a body, and with it the one attempt that sent it. */
export const fingerprint = (body: string): string => `${body.length}:${createHash("sha1").update(body).digest("base64url")}`;
