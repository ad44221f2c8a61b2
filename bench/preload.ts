import type { ConsumeJob, JobResult } from "./job.ts";
import type { Options } from "./options.ts";
import { runJob } from "./run-job.ts";
import { put } from "./servers.ts";

/** Messages in a request that fills a topic. */
export const BATCH = 100;
export const RECEIVE_MAX = 32;

/** Fills the topic. An error here would make the measurement meaningless. */
export const fill = async (
  url: string,
  topic: string,
  messages: number,
  { bodyBytes }: Options,
  more: { readonly concurrency?: number; readonly messageGroups?: number } = {},
): Promise<JobResult> => {
  const until = { messages };
  const result = await runJob({ kind: "send", url, topic, batch: BATCH, bodyBytes, concurrency: 8, until, ...more });
  if (result.messages !== messages)
    throw new Error(`${result.messages} of ${messages} were stored: ${JSON.stringify(result.errors)}`);
  return result;
};

export const subscribe = async (url: string, group: string, topic: string, startFrom: unknown): Promise<void> => {
  await put(url, `/v1/groups/${group}`, {});
  await put(url, `/v1/groups/${group}/subscriptions/${topic}`, { startFrom });
};

/** A job in which each message must come once. */
export const consumeJob = (groups: readonly string[], messages: number, concurrency: number): Omit<ConsumeJob, "url"> => ({
  kind: "consume",
  groups,
  max: RECEIVE_MAX,
  concurrency,
  messages,
  once: true,
});
