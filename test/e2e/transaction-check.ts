import type { DeployedApi } from "./deployed-api.ts";
import { type JsonClient, withJsonClient } from "./json-client.ts";

const NAME = "asked-about";
const CHECK_AFTER_SECONDS = 6;
/** Both the scanner and whoever waits look anew only now and then. */
const CHECK_MS_MAX = 40_000;

/** Leaves a half message undecided until its producer is asked, commits it then, and receives it. Errors: when any of that fails. */
export const checkTransactionCheck = (api: DeployedApi): Promise<string> =>
  withJsonClient(api, async (client) => {
    const { call } = client;
    await call("PUT", `/v1/topics/${NAME}`, { type: "TRANSACTION" });
    await call("PUT", `/v1/groups/${NAME}`, {});
    await call("PUT", `/v1/groups/${NAME}/subscriptions/${NAME}`, { startFrom: "earliest" });
    const half = { body: "half", producerGroup: NAME, checkAfterSeconds: CHECK_AFTER_SECONDS };
    const sentAtMs = Date.now();
    const { transactionId } = await call("POST", `/v1/topics/${NAME}/transactions`, half);
    const askedAtMs = await waitForCheck(client, transactionId);
    await call("POST", `/v1/transactions/${transactionId}/commit`, {});
    const { messages } = await call("POST", `/v1/groups/${NAME}/receive`, { waitSeconds: 20 });
    if (messages[0]?.body !== "half") throw new Error("it was committed, and not received");
    return `asked after ${((askedAtMs - sentAtMs) / 1_000).toFixed(1)} s`;
  });

async function waitForCheck({ call }: JsonClient, transactionId: string): Promise<number> {
  for (const deadline = Date.now() + CHECK_MS_MAX; Date.now() < deadline; ) {
    const { checks } = await call("POST", `/v1/producer-groups/${NAME}/checks/receive`, { max: 1, waitSeconds: 20 });
    if (checks[0]?.transactionId === transactionId) return Date.now();
  }
  throw new Error(`nobody asked for ${CHECK_MS_MAX / 1_000} s`);
}
