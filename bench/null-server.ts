// The upper bound of generator and machine: reads each request to its end and answers with prepared bytes of the size of a broker's
// answer. Run with HOST, PORT, BATCH and BODY_BYTES in the environment.
import { createServer } from "node:http";
import { jsonBodies } from "./bodies.ts";

const RECEIVE_MAX = 32;
const MESSAGE_ID = "0".repeat(32);
const HANDLE = "0".repeat(96);

const receipt = { messageId: MESSAGE_ID, topic: "bench", queueId: 0, offset: "1234567", status: "SEND_OK", duplicate: false };
const received = (body: string) => ({
  messageId: MESSAGE_ID,
  topic: "bench",
  queueId: 0,
  offset: "1234567",
  tag: null,
  keys: [],
  properties: {},
  messageGroup: null,
  bornAt: "2026-01-01T00:00:00.000Z",
  storedAt: "2026-01-01T00:00:00.000Z",
  body,
  bodyEncoding: "utf8",
  attempt: 1,
  maxAttempts: 17,
  leaseUntil: "2026-01-01T00:00:00.000Z",
  receiptHandle: HANDLE,
});

const answer = (status: number, body: unknown) => {
  const bytes = Buffer.from(JSON.stringify(body));
  return { status, bytes, headers: { "content-type": "application/json", "content-length": bytes.length } };
};

const batch = Number(process.env.BATCH ?? 100);
const bodyBytes = Number(process.env.BODY_BYTES ?? 1_024);
const healthy = answer(200, { status: "ok" });
const answers = {
  messages: answer(201, receipt),
  batch: answer(200, { results: Array.from({ length: batch }, () => receipt) }),
  receive: answer(200, { messages: jsonBodies(RECEIVE_MAX, bodyBytes).map(received) }),
  ack: answer(200, { results: Array.from({ length: RECEIVE_MAX }, () => ({ receiptHandle: HANDLE, status: "acked" })) }),
} as const;

const server = createServer((request, response) => {
  const verb = request.url?.slice(request.url.lastIndexOf("/") + 1) ?? "";
  const { status, headers, bytes } = verb in answers ? answers[verb as keyof typeof answers] : healthy;
  request.resume();
  request.once("end", () => {
    response.writeHead(status, headers);
    response.end(bytes);
  });
});
server.listen(Number(process.env.PORT), process.env.HOST);
process.once("SIGTERM", () => process.exit(0));
