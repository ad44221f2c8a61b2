import type { Answer, Api } from "../support/http/http-api.ts";

/** One request as a program makes it. */
export interface Call {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
}

const TOPIC = "orders";
const GROUP = "billing";
const PRODUCERS = "shop";

/** What paths and bodies name: it is there, to be changed. */
export interface Contents {
  readonly parameters: Readonly<Record<string, string>>;
  readonly receiptHandle: string;
}

/** Bodies that do something. Where there is none here, `{}` or nothing does. */
const bodiesOf = ({ receiptHandle }: Contents): Readonly<Record<string, unknown>> => ({
  patchTopic: { retentionHours: 1 },
  patchGroup: { maxAttempts: 1 },
  putSubscription: { filter: { type: "TAG", expression: "forged" } },
  resetOffsets: { topic: TOPIC, to: "earliest" },
  sendMessage: { body: "forged" },
  sendMessages: { entries: [{ body: "forged" }] },
  sendHalfMessage: { body: "forged", producerGroup: PRODUCERS },
  rescheduleMessage: { deliverAt: Date.now() + 7_200_000 },
  settleMessages: { nacks: [{ receiptHandle }] },
  ackMessages: { receiptHandles: [receiptHandle] },
  purgeDeadLetters: { confirm: GROUP },
});

/** Gives a server something to lose: messages that wait, are held, dead or delayed, a group and a client of it, a transaction. */
export async function fillServer(api: Api): Promise<Contents> {
  const topic = `/v1/topics/${TOPIC}`;
  const group = `/v1/groups/${GROUP}`;
  const ok = async (sent: Promise<Answer>) => {
    const answer = await sent;
    if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
    return answer.json;
  };
  await ok(api.put(topic, { type: "MIXED", queues: 1 }));
  await ok(api.put(group, { leaseSeconds: 600 }));
  await ok(api.put(`${group}/subscriptions/${TOPIC}`, { startFrom: "earliest" }));
  await ok(api.put(`/v1/producer-groups/${PRODUCERS}`, {}));
  await ok(api.put(`${group}/clients/client-1`, {}));
  await ok(api.post(`${topic}/messages/batch`, { entries: ["dies", "held", "waits"].map((body) => ({ body })) }));
  const received = await ok(api.post(`${group}/receive`, { max: 2 }));
  const [dies, held] = received.messages.map((message: { receiptHandle: string }) => message.receiptHandle);
  await ok(api.post(`${group}/settle`, { deadLetters: [{ receiptHandle: dies, reason: "to have one" }] }));
  const { items } = await ok(api.get(`${group}/dlq`));
  const { recallHandle } = await ok(api.post(`${topic}/messages`, { body: "later", delaySeconds: 3_600 }));
  const { transactionId } = await ok(api.post(`${topic}/transactions`, { body: "half", producerGroup: PRODUCERS }));
  const names = { topic: TOPIC, group: GROUP, clientId: "client-1", producerGroup: PRODUCERS, queueId: "0" };
  return { parameters: { ...names, recallHandle, transactionId, id: items[0].messageId }, receiptHandle: held };
}

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, unknown> };
}

/** Every route, as `/openapi.json` lists them, on what is there; deletions last, of the parts before the whole. */
export async function callsOf(api: Api, contents: Contents): Promise<readonly Call[]> {
  const bodies = bodiesOf(contents);
  const { paths } = (await api.get("/openapi.json")).json as { paths: Record<string, Record<string, Operation>> };
  const calls = Object.entries(paths).flatMap(([template, item]) =>
    Object.entries(item).map(([method, { operationId, requestBody }]): Call => {
      const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => contents.parameters[name] ?? "x");
      const called = { operationId, method: method.toUpperCase(), path };
      if (!requestBody) return called;
      const type = Object.keys(requestBody.content).at(0) ?? "";
      return { ...called, type, body: type.includes("json") ? JSON.stringify(bodies[operationId] ?? {}) : "forged" };
    }),
  );
  const lateness = ({ method, path }: Call) => (method === "DELETE" ? 1_000 - path.length : 0);
  return [...calls].sort((a, b) => lateness(a) - lateness(b));
}

/** All that a call could change, as a program sees it. */
export async function stateOf(api: Api): Promise<Readonly<Record<string, unknown>>> {
  const paths = [
    "/v1/topics?withLag=true",
    "/v1/groups?withLag=true",
    `/v1/groups/${GROUP}`,
    `/v1/groups/${GROUP}/subscriptions/${TOPIC}`,
    `/v1/groups/${GROUP}/clients`,
    `/v1/groups/${GROUP}/dlq`,
    `/v1/topics/${TOPIC}/queues`,
    `/v1/topics/${TOPIC}/queues/0/messages?offset=0`,
    `/v1/topics/${TOPIC}/scheduled`,
    "/v1/producer-groups",
    "/v1/transactions",
    "/v1/store",
  ];
  const answers = await Promise.all(paths.map(async (path) => [path, withoutAges((await api.get(path)).text)] as const));
  return Object.fromEntries(answers);
}

/** Ages grow, and transactions are checked on, while nobody calls. */
const withoutAges = (text: string): string => text.replaceAll(/"(\w*AgeSeconds|requestId|checks|nextCheckAt)":[^,}]+/g, '"$1":0');
