import { expect } from "vitest";
import { type Answer, type Api, uniqueName } from "./http-api.ts";

/** A received or pulled message, as far as tests look at it. */
export interface MessageJson {
  readonly messageId: string;
  readonly topic: string;
  readonly queueId: number;
  readonly offset: string;
  readonly tag: string | null;
  readonly keys: string[];
  readonly properties: Record<string, string>;
  readonly messageGroup: string | null;
  readonly bornAt: string;
  readonly storedAt: string;
  readonly body: string;
  readonly bodyEncoding: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly leaseUntil: string;
  readonly receiptHandle: string;
}

export async function createTopic(api: Api, settings: object = {}): Promise<string> {
  const topic = uniqueName("topic");
  const answer = await api.put(`/v1/topics/${topic}`, settings);
  expect(answer.status, answer.text).toBe(201);
  return topic;
}

/** A group subscribed to `topics` from their first message on. */
export async function createGroup(api: Api, topics: readonly string[], settings: object = {}, filter?: object): Promise<string> {
  const group = uniqueName("group");
  const answer = await api.put(`/v1/groups/${group}`, settings);
  expect(answer.status, answer.text).toBe(201);
  for (const topic of topics) await subscribe(api, group, topic, { startFrom: "earliest", ...(filter ? { filter } : {}) });
  return group;
}

export async function subscribe(api: Api, group: string, topic: string, settings?: object): Promise<void> {
  const answer = await api.put(`/v1/groups/${group}/subscriptions/${topic}`, settings);
  expect(answer.status, answer.text).toBe(201);
}

/** Sends one message and returns its receipt. */
export async function send(api: Api, topic: string, message: object) {
  const answer = await api.post(`/v1/topics/${topic}/messages`, message);
  expect(answer.status, answer.text).toBe(201);
  return answer.json as { messageId: string; queueId: number; offset: string };
}

export async function receive(api: Api, group: string, request: object = {}): Promise<MessageJson[]> {
  const answer = await api.post(`/v1/groups/${group}/receive`, request);
  expect(answer.status, answer.text).toBe(200);
  return answer.json.messages as MessageJson[];
}

/** Receives until `count` messages have come, in the order of arrival. Fails after 15 seconds. */
export async function receiveCount(api: Api, group: string, count: number, request: object = {}): Promise<MessageJson[]> {
  const messages: MessageJson[] = [];
  const deadline = Date.now() + 15_000;
  while (messages.length < count) {
    if (Date.now() > deadline) throw new Error(`received ${messages.length} of ${count} messages in 15 s`);
    messages.push(...(await receive(api, group, { max: Math.min(32, count - messages.length), waitSeconds: 2, ...request })));
  }
  return messages;
}

export async function settle(api: Api, group: string, request: object) {
  const answer = await api.post(`/v1/groups/${group}/settle`, request);
  expect(answer.status, answer.text).toBe(200);
  return answer.json.results as {
    receiptHandle: string;
    status: string;
    leaseUntil?: string;
    error?: { code: string; detail: string; retryable: boolean };
  }[];
}

export async function ack(api: Api, group: string, messages: readonly MessageJson[]): Promise<void> {
  const results = await settle(api, group, { acks: messages.map(({ receiptHandle }) => ({ receiptHandle })) });
  expect(results.map(({ status }) => status)).toEqual(messages.map(() => "acked"));
}

/** Calls `look` at short intervals until it answers. Fails after `msMax`. */
export async function eventually<T>(look: () => Promise<T | undefined>, msMax = 15_000): Promise<T> {
  const deadline = Date.now() + msMax;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`did not happen within ${msMax} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Checks every member that any problem document has. */
export function expectProblem(answer: Answer, status: number, code: string, detail?: RegExp | string): void {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const problem = answer.json;
  expect(problem).toMatchObject({ status, code });
  expect(problem.requestId).toBe(answer.headers.get("x-request-id"));
  for (const member of ["type", "title", "detail", "instance"]) expect(problem[member], member).toEqual(expect.any(String));
  expect(problem.retryable).toEqual(expect.any(Boolean));
  // A caller's error changes nothing. A server's error says whether it has.
  expect(problem.effect).toEqual(status < 500 ? "none" : expect.stringMatching(/^(none|unknown)$/));
  expect(problem.type).toContain(`/errors/${code.toLowerCase().replaceAll("_", "-")}`);
  expect(answer.text).not.toMatch(/\bat .+:\d+:\d+/);
  if (detail !== undefined) expect(problem.detail).toMatch(detail);
}
