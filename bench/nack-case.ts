import { performance } from "node:perf_hooks";
import { httpClient } from "../test/support/http/http-client.ts";
import type { Options } from "./options.ts";
import { subscribe } from "./preload.ts";
import { latencyRow, type Row } from "./row.ts";
import { put, withBroker } from "./servers.ts";

const CONSUMERS = 5;
const NACKS_EACH = 10;
const DELAY_SECONDS = 1;
const WAIT_SECONDS = 20;

/** How late a message returns that was given back for a second while its consumer waits. Measured from before the nack was sent. */
export async function nackCase(options: Options): Promise<readonly Row[]> {
  const [consumers = CONSUMERS] = options.concurrency ?? [];
  return withBroker(async ({ url }) => {
    const latenesses = await Promise.all(Array.from({ length: consumers }, (_, index) => latenessesOf(url, `nack-${index}`)));
    return [latencyRow(`late after a nack of ${DELAY_SECONDS} s`, consumers, latenesses.flat())];
  });
}

/** The latenesses of one consumer with its own topic. */
async function latenessesOf(url: string, name: string): Promise<readonly number[]> {
  const http = httpClient(url, { connections: 1 });
  const post = async (path: string, body: unknown): Promise<{ readonly messages?: readonly { receiptHandle: string }[] }> => {
    const reply = await http.request("POST", path, JSON.stringify(body));
    if (reply.status >= 300) throw new Error(`POST ${path}: ${reply.status} ${reply.body.toString("utf8")}`);
    return JSON.parse(reply.body.toString("utf8"));
  };
  const receive = async (): Promise<string> => {
    const { messages } = await post(`/v1/groups/${name}/receive`, { max: 1, waitSeconds: WAIT_SECONDS });
    const [message] = messages ?? [];
    if (!message) throw new Error(`nothing within ${WAIT_SECONDS} s`);
    return message.receiptHandle;
  };
  await put(url, `/v1/topics/${name}`, { type: "NORMAL" });
  await subscribe(url, name, name, "earliest");
  await post(`/v1/topics/${name}/messages`, { body: "late" });
  const latenesses: number[] = [];
  let receiptHandle = await receive();
  for (let nacks = 0; nacks < NACKS_EACH; nacks++) {
    const sentAt = performance.now();
    await post(`/v1/groups/${name}/settle`, { nacks: [{ receiptHandle, delaySeconds: DELAY_SECONDS }] });
    receiptHandle = await receive();
    latenesses.push(performance.now() - sentAt - DELAY_SECONDS * 1_000);
  }
  await http.close();
  return latenesses;
}
