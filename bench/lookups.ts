import { performance } from "node:perf_hooks";
import { type Row, timesRow } from "./row.ts";

/** What one message is looked up by. */
export interface Names {
  readonly key: string;
  readonly messageId: string;
}

const TARGETS = { p50Ms: 20, p99Ms: 100 } as const;

/** Looks each of the messages up over HTTP, one after the other: by its key, and by its id. */
export async function lookUpOverHttp(url: string, topic: string, names: readonly Names[]): Promise<readonly Row[]> {
  const byKey = await timed(names, async ({ key, messageId }) => {
    const { items } = (await json(`${url}/v1/topics/${topic}/messages?key=${key}`)) as {
      items: readonly { messageId: string }[];
    };
    return items.some((one) => one.messageId === messageId);
  });
  const byId = await timed(names, async ({ messageId }) => {
    const found = (await json(`${url}/v1/messages/${messageId}`)) as { messageId?: string };
    return found.messageId === messageId;
  });
  return [
    timesRow(`look up by key; target p50 ≤ ${TARGETS.p50Ms} ms, p99 ≤ ${TARGETS.p99Ms} ms`, byKey.ms, byKey.errors),
    timesRow("look up by id", byId.ms, byId.errors),
  ];
}

async function timed(names: readonly Names[], find: (one: Names) => Promise<boolean>) {
  const ms: number[] = [];
  let missed = 0;
  for (const one of names) {
    const startedAt = performance.now();
    if (!(await find(one))) missed++;
    ms.push(performance.now() - startedAt);
  }
  return { ms, errors: missed > 0 ? { "not found": missed } : {} };
}

const json = async (url: string): Promise<unknown> => (await fetch(url)).json();
