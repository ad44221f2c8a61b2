import { setTimeout as sleep } from "node:timers/promises";
import { type HttpClient, type HttpReply, httpClient } from "../../support/http/http-client.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import type { Fact, HalfFact, OnceFact, TimerFact } from "./facts.ts";

export const TOPIC = "time";
export const PRODUCER_GROUP = "crash";
export const DELAY_MS_MAX = 2_500;

const SCHEDULERS = 4;
const COMMITTERS = 3;
const REPEATERS = 2;
const CHECKERS = 1;

export interface LoadSettings {
  readonly server: string;
  readonly round: number;
  readonly seed: number;
  /** Everything asked for so far, in this round and those before. */
  readonly facts: Fact[];
  readonly unexpected: (what: string) => void;
  readonly signal: AbortSignal;
}

interface Worker {
  readonly name: string;
  readonly http: HttpClient;
  readonly random: SeededRandom;
  readonly settings: LoadSettings;
}

/** Producers side by side, until the signal. */
export const runLoad = async (settings: LoadSettings): Promise<void> => {
  const http = httpClient(settings.server, { connections: SCHEDULERS + COMMITTERS + REPEATERS + CHECKERS });
  let workers = 0;
  const repeat = async (step: (one: Worker, turn: number) => Promise<void>): Promise<void> => {
    workers += 1;
    const random = new SeededRandom(settings.seed * 1_009 + settings.round * 97 + workers);
    const one: Worker = { name: `${settings.round}/${workers}`, http, random, settings };
    for (let turn = 0; !settings.signal.aborted; turn++) {
      await step(one, turn);
      await sleep(random.integer(0, 8));
    }
  };
  const many = (count: number, step: (one: Worker, turn: number) => Promise<void>) =>
    Array.from({ length: count }, () => repeat(step));
  await Promise.all([
    ...many(SCHEDULERS, schedule),
    ...many(COMMITTERS, commit),
    ...many(REPEATERS, sendOften),
    ...many(CHECKERS, answerChecks),
  ]);
  await http.close();
};

interface JsonReply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what the contract promises.
  readonly json: any;
}

/** `undefined`: no answer came. An answer of a status that is not `expected` counts as a violation. */
const call = async (
  one: Worker,
  method: string,
  path: string,
  request: unknown,
  expected: readonly number[],
): Promise<JsonReply | undefined> => {
  let reply: HttpReply;
  try {
    reply = await one.http.request(method, path, request === undefined ? undefined : JSON.stringify(request));
  } catch (error) {
    if (!one.settings.signal.aborted)
      one.settings.unexpected(`${method} ${path}: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
  const text = reply.body.toString("utf8");
  if (!expected.includes(reply.status)) one.settings.unexpected(`${method} ${path}: ${reply.status} ${text.slice(0, 300)}`);
  return { status: reply.status, json: text === "" ? undefined : JSON.parse(text) };
};

/** One delayed message or a few, and now and then the cancellation of an older one. */
const schedule = async (one: Worker, turn: number): Promise<void> => {
  const { random, settings } = one;
  const count = random.chance(0.7) ? 1 : random.integer(2, 10);
  const facts = Array.from({ length: count }, (_, at): TimerFact => {
    const dueMs = Date.now() + random.integer(20, DELAY_MS_MAX);
    return { kind: "timer", body: `timer ${one.name}/${turn}/${at}`, dueMs, acknowledged: false };
  });
  settings.facts.push(...facts);
  const entries = facts.map(({ body, dueMs }) => ({ body, deliverAt: dueMs }));
  const answer = await call(one, "POST", `/v1/topics/${TOPIC}/messages/batch`, { entries }, [200]);
  for (const [at, fact] of facts.entries()) {
    const result = answer?.json.results[at];
    fact.acknowledged = result?.status === "SEND_OK";
    fact.recallHandle = result?.recallHandle;
  }
  const chosen = facts.find(({ recallHandle }) => recallHandle !== undefined);
  if (chosen && random.chance(0.4)) {
    await sleep(random.integer(0, Math.min(400, DELAY_MS_MAX)));
    await cancel(one, chosen);
  }
};

const cancel = async (one: Worker, fact: TimerFact): Promise<void> => {
  fact.cancelled = "unknown";
  const answer = await call(one, "DELETE", `/v1/topics/${TOPIC}/scheduled/${fact.recallHandle}`, undefined, [204, 409]);
  if (answer) fact.cancelled = answer.status === 204 ? "yes" : "no";
};

/** A half message, and mostly a verdict; the others are asked about. */
const commit = async (one: Worker, turn: number): Promise<void> => {
  const { random, settings } = one;
  const fact: HalfFact = { kind: "half", body: `half ${one.name}/${turn}`, acknowledged: false, told: new Set() };
  settings.facts.push(fact);
  const request = { body: fact.body, producerGroup: PRODUCER_GROUP, checkAfterSeconds: 1 };
  const answer = await call(one, "POST", `/v1/topics/${TOPIC}/transactions`, request, [201]);
  if (answer?.status !== 201) return;
  fact.acknowledged = true;
  fact.transactionId = answer.json.transactionId;
  if (random.chance(0.7)) await decide(one, fact, random.chance(0.7) ? "commit" : "rollback");
  if (random.chance(0.2)) await decide(one, fact, random.chance(0.5) ? "commit" : "rollback");
};

const decide = async (one: Worker, fact: HalfFact, verdict: "commit" | "rollback"): Promise<void> => {
  const answer = await call(one, "POST", `/v1/transactions/${fact.transactionId}/${verdict}`, undefined, [200, 409]);
  if (answer?.status === 200) fact.told.add(verdict);
};

/** Answers what the broker asks about: by its body, so that every answer to one question is the same. */
const answerChecks = async (one: Worker): Promise<void> => {
  const answer = await call(
    one,
    "POST",
    `/v1/producer-groups/${PRODUCER_GROUP}/checks/receive`,
    { max: 10, waitSeconds: 1 },
    [200],
  );
  for (const { transactionId, message } of answer?.json.checks ?? []) {
    const fact = one.settings.facts.find(({ body }) => body === message.body);
    if (fact?.kind !== "half") {
      one.settings.unexpected(`a check of what nobody sent: ${message.body}`);
      continue;
    }
    fact.transactionId = transactionId;
    await decide(one, fact, transactionId < "8" ? "commit" : "rollback");
  }
};

/** One message under one key, sent until it is acknowledged and then some; by two at once now and then. */
const sendOften = async (one: Worker, turn: number): Promise<void> => {
  const { random, settings } = one;
  const fact: OnceFact = { kind: "once", body: `once ${one.name}/${turn}`, places: [], firsts: 0 };
  settings.facts.push(fact);
  await sendAgain(one, fact);
  await Promise.all(Array.from({ length: random.integer(0, 2) }, () => sendAgain(one, fact)));
};

const sendAgain = async (one: Worker, fact: OnceFact): Promise<void> => {
  const answer = await call(one, "POST", `/v1/topics/${TOPIC}/messages`, { body: fact.body, dedupKey: fact.body }, [201]);
  if (answer?.status !== 201) return;
  fact.places.push(`${answer.json.queueId}/${answer.json.offset}`);
  if (!answer.json.duplicate) fact.firsts += 1;
};

/** After the last restart: what was left open is asked about once more, and told. */
export const settleAll = async (settings: LoadSettings): Promise<void> => {
  const http = httpClient(settings.server, { connections: 4 });
  const one: Worker = { name: "settler", http, random: new SeededRandom(settings.seed), settings };
  for (const fact of settings.facts) {
    if (fact.kind === "once") await sendAgain(one, fact);
    if (fact.kind === "timer" && fact.recallHandle && fact.cancelled === "unknown") await cancel(one, fact);
    if (fact.kind === "half" && fact.transactionId && fact.told.size === 0) await decide(one, fact, "commit");
    if (fact.kind === "half" && fact.transactionId && fact.told.size === 0) await decide(one, fact, "rollback");
  }
  await http.close();
};
