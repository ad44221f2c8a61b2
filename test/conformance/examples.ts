import { describe, expect, it } from "vitest";
import type { DescribedAnswers } from "../support/http/described-answers.ts";
import { type Answer, type Api, uniqueName } from "../support/http/http-api.ts";

interface Media {
  readonly schema: unknown;
  readonly example?: unknown;
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

interface DescribedOperation extends Operation {
  readonly method: string;
  readonly path: string;
}

/** Operations in an order in which the examples of their requests can be sent, and what each is answered. */
const STORY: readonly (readonly [operationId: string, status: number])[] = [
  ["health", 200],
  ["readiness", 200],
  ["openApi", 200],
  ["docs", 200],
  ["root", 200],
  ["errors", 200],
  ["explainError", 302],
  ["getStore", 200],
  ["raiseStore", 200],
  ["putTopic", 201],
  ["getTopic", 200],
  ["patchTopic", 200],
  ["listTopics", 200],
  ["putGroup", 201],
  ["patchGroup", 200],
  ["putSubscription", 201],
  ["getSubscription", 200],
  ["getGroup", 200],
  ["listGroups", 200],
  ["listTopicGroups", 200],
  ["heartbeat", 201],
  ["heartbeat", 200],
  ["listClients", 200],
  ["commitOffset", 200],
  ["getOffset", 200],
  ["listOffsets", 200],
  ["deleteClient", 204],
  ["sendMessage", 201],
  ["sendMessages", 200],
  ["publishMessage", 201],
  ["listQueues", 200],
  ["pullMessages", 200],
  ["offsetAt", 200],
  ["queryMessages", 200],
  ["getMessage", 200],
  ["listScheduled", 200],
  ["rescheduleMessage", 200],
  ["cancelMessage", 204],
  ["listParked", 200],
  ["receiveMessages", 200],
  ["getGroupLag", 200],
  ["listUnreadableMessages", 200],
  ["ackMessages", 200],
  ["settleMessages", 200],
  ["listDeadLetters", 200],
  ["getDeadLetter", 200],
  ["redriveDeadLetters", 200],
  ["redriveProgress", 200],
  ["resumeRedrive", 200],
  // Two messages are received again and one is dead-lettered again, so that there is a dead letter to delete.
  ["sendMessages", 200],
  ["receiveMessages", 200],
  ["settleMessages", 200],
  ["listDeadLetters", 200],
  ["deleteDeadLetter", 204],
  ["purgeDeadLetters", 200],
  ["pauseGroup", 200],
  ["resumeGroup", 200],
  ["resetOffsets", 200],
  ["redeliverMessage", 201],
  ["putProducerGroup", 201],
  ["getProducerGroup", 200],
  ["listProducerGroups", 200],
  ["sendHalfMessage", 201],
  ["commitTransaction", 200],
  ["getTransaction", 200],
  ["sendHalfMessage", 201],
  ["rollbackTransaction", 200],
  ["listTransactions", 200],
  ["receiveChecks", 200],
  ["deleteProducerGroup", 204],
  ["deleteSubscription", 204],
  ["deleteGroup", 204],
  ["deleteTopic", 204],
];
/** They take a delayed message whose delivery failed, which no example makes, and the name of a file that the build made. */
const NOT_IN_STORY = ["deleteParked", "docsFile"];

/** Ids and handles. */
const MADE_BY_SERVER = /^[\w.-]{20,}$/;
/** Names of the examples that others on the server may use too. */
const NAMES = ["orders", "billing", "checkout"];

function operationsOf(paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>): DescribedOperation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  );
}

/** Examples name what servers make, such as handles, by values of their own; a story learns what stands for them. */
class Story {
  readonly #api: Api;
  readonly #operations: readonly DescribedOperation[];
  readonly #actual = new Map(NAMES.map((name) => [name, uniqueName(name)]));

  constructor(api: Api, operations: readonly DescribedOperation[]) {
    this.#api = api;
    this.#operations = operations;
  }

  async send(operationId: string): Promise<Answer> {
    const operation = this.#operations.find((one) => one.operationId === operationId);
    if (!operation) throw new Error(`there is no operation ${operationId}`);
    const { method, parameters, requestBody } = operation;
    const exampleOf = (where: string) =>
      parameters.filter((parameter) => parameter.in === where && parameter.example !== undefined);
    let path = operation.path;
    for (const { name, example } of exampleOf("path"))
      path = path.replace(`{${name}}`, encodeURIComponent(String(this.#translate(example))));
    const query = new URLSearchParams(exampleOf("query").map(({ name, example }): [string, string] => [name, String(example)]));
    const headers = Object.fromEntries(exampleOf("header").map(({ name, example }) => [name, String(example)]));
    const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
    const body = this.#translate(media?.example);
    const answer = await this.#api.send(
      method,
      query.size > 0 ? `${path}?${query}` : path,
      typeof body === "string" || body === undefined ? body : JSON.stringify(body),
      { headers: { ...headers, ...(type ? { "Content-Type": type } : {}) } },
    );
    const shown = operation.responses[answer.status]?.content?.["application/json"]?.example;
    if (shown !== undefined) this.#learn(shown, answer.json);
    return answer;
  }

  #translate(example: unknown): unknown {
    if (typeof example === "string") return this.#actual.get(example) ?? example;
    if (typeof example !== "object" || example === null) return example;
    if (Array.isArray(example)) return example.map((one) => this.#translate(one));
    return Object.fromEntries(Object.entries(example).map(([key, value]) => [key, this.#translate(value)]));
  }

  #learn(example: unknown, actual: unknown): void {
    if (typeof example === "string" && typeof actual === "string" && MADE_BY_SERVER.test(example))
      this.#actual.set(example, actual);
    if (typeof example !== "object" || example === null || typeof actual !== "object" || actual === null) return;
    for (const [key, value] of Object.entries(example)) this.#learn(value, Reflect.get(actual, key));
  }
}

/** Every example of an operation that its schema does not accept. */
function wrongExamples(answers: DescribedAnswers, { path, method, requestBody, responses }: DescribedOperation): string[] {
  const operation = ["paths", path, method.toLowerCase()];
  const body = requestBody ? [{ place: ["requestBody"], content: requestBody.content }] : [];
  const replies = Object.entries(responses).map(([status, { content = {} }]) => ({ place: ["responses", status], content }));
  return [...body, ...replies].flatMap(({ place, content }) =>
    Object.entries(content).flatMap(([type, { example }]) => {
      if (example === undefined) return [];
      const fault = answers.faultOfValue(example, ...operation, ...place, "content", type, "schema");
      return fault === undefined ? [] : [`${method} ${path} ${place.join(" ")}: ${fault}`];
    }),
  );
}

export function exampleTests(api: Api): void {
  const operations = async () => operationsOf((await api.get("/openapi.json")).json.paths);

  describe("PROTOCOL 1 the examples of the document", () => {
    it("are there for every request with a body and every main answer, and are what their schemas say", async () => {
      const answers = await api.answers();
      for (const operation of await operations()) {
        const { operationId, requestBody, responses } = operation;
        for (const { example } of Object.values(requestBody?.content ?? {})) expect(example, operationId).toBeDefined();
        const [main] = Object.entries(responses).filter(([status]) => status.startsWith("2"));
        for (const { example } of Object.values(main?.[1].content ?? {})) expect(example, operationId).toBeDefined();
        expect(wrongExamples(answers, operation)).toEqual([]);
      }
    });

    it("work, sent one after the other", async () => {
      const all = await operations();
      const told = new Set([...STORY.map(([operationId]) => operationId), ...NOT_IN_STORY]);
      expect(all.map(({ operationId }) => operationId).filter((operationId) => !told.has(operationId))).toEqual([]);
      const story = new Story(api, all);
      for (const [operationId, status] of STORY) {
        const answer = await story.send(operationId);
        expect(answer.status, `${operationId} ${answer.text}`).toBe(status);
        for (const result of (operationId.startsWith("settle") && answer.json.results) || [])
          expect(result, operationId).not.toHaveProperty("error");
      }
    });
  });
}
