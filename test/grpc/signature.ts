import { createHmac } from "node:crypto";

/** What a client signs its calls with. */
export const signature = (secret: string, dateTime: string, credential = "apogee"): Record<string, string> => {
  const signed = createHmac("sha1", secret).update(dateTime).digest("hex").toUpperCase();
  return {
    "x-mq-date-time": dateTime,
    authorization: `MQv2-HMAC-SHA1 Credential=${credential}, SignedHeaders=x-mq-date-time, Signature=${signed}`,
  };
};
