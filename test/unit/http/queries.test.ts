import { afterEach, describe, expect, it } from "vitest";
import type { Broker } from "../../../core/broker.ts";
import type { MessageQuery } from "../../../core/query/query-messages.ts";
import type { StoredMessage, Topic } from "../../../core/terms.ts";
import type { ServedBroker } from "../../../functions/http/node/serve-broker.ts";
import { serveStub } from "../../support/http/stub-broker.ts";

let server: ServedBroker | undefined;

afterEach(async () => {
  await server?.stop(1_000);
  server = undefined;
});

const PATH = "/v1/topics/orders/messages";

async function get(verbs: Partial<Broker>, path: string) {
  server ??= await serveStub(verbs);
  const answer = await fetch(server.url + path);
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> & { nextCursor: string } };
}

const message = (offset: number, body: Uint8Array = Buffer.from("x")): StoredMessage => ({
  messageId: `id-${offset}`,
  queueId: 1,
  offset,
  bornAtMs: 1_800_000_000_000,
  storedAtMs: 1_800_000_000_000,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  body,
});

describe("a query over HTTP", () => {
  it("hands all conditions to the broker, and the position behind its cursor", async () => {
    const asked: MessageQuery[] = [];
    const queryMessages: Broker["queryMessages"] = async (_, query) => {
      asked.push(query);
      return { items: [message(7)], unreadable: [{ queueId: 2, offset: 5, reason: "gone" }], next: "5.1.7", complete: true };
    };
    const conditions = "key=k&from=1800000000000&to=2027-01-16T00:00:00Z&filter=a%20%3D%201";
    const { json } = await get({ queryMessages }, `${PATH}?${conditions}`);
    expect(json).toMatchObject({ items: [{ messageId: "id-7", topic: "orders", offset: "7" }], complete: true });
    expect(json.unreadable).toEqual([{ queueId: 2, offset: "5", reason: "gone" }]);
    await get({}, `${PATH}?${conditions}&limit=3&cursor=${json.nextCursor}`);
    const filter = { type: "SQL92", expression: "a = 1" };
    const wanted = { key: "k", fromMs: 1_800_000_000_000, toMs: 1_800_057_600_000, filter, maxBytes: 4_194_304 };
    expect(asked).toEqual([
      { ...wanted, limit: 32, after: undefined },
      { ...wanted, limit: 3, after: "5.1.7" },
    ]);
  });

  it("takes a cursor for no other conditions, and no broken one", async () => {
    let calls = 0;
    const queryMessages: Broker["queryMessages"] = async () => {
      calls++;
      return { items: [], unreadable: [], next: "5.1.7", complete: false };
    };
    const { nextCursor } = (await get({ queryMessages }, `${PATH}?tag=a`)).json;
    const forged = `${nextCursor.slice(0, -2)}${nextCursor.endsWith("AA") ? "BB" : "AA"}`;
    for (const other of ["tag=b", "filter=a", "key=a", "tag=a&from=1800000000000", ""])
      expect((await get({}, `${PATH}?${other}&cursor=${nextCursor}`.replace("?&", "?"))).status, other).toBe(400);
    for (const cursor of [forged, "%00", "-", "A".repeat(40), `${nextCursor}A`])
      expect((await get({}, `${PATH}?tag=a&cursor=${cursor}`)).status, cursor).toBe(400);
    expect(calls).toBe(1);
    expect((await get({}, `${PATH}?tag=a&cursor=${nextCursor}`)).status).toBe(200);
  });

  it("shows times and attempts that there are, and null for others", async () => {
    const groups = [
      { group: "a", state: "SETTLED" as const, attempt: undefined },
      { group: "b", state: "WAITING" as const, attempt: 3, nextAttemptAtMs: 1_800_000_060_000 },
    ];
    const topic = { name: "orders" } as Topic;
    const getMessage: Broker["getMessage"] = async (id) => ({
      topic,
      message: { ...message(1), messageId: id },
      groups: { items: groups, next: "b", complete: true },
    });
    const { json } = await get({ getMessage }, `/v1/messages/${encodeURIComponent("a/b ü%?#")}`);
    expect(json.messageId).toBe("a/b ü%?#");
    expect(json.groups).toEqual([
      { group: "a", state: "SETTLED", attempt: null, nextAttemptAt: null, leaseExpiresAt: null },
      { group: "b", state: "WAITING", attempt: 3, nextAttemptAt: "2027-01-15T08:01:00.000Z", leaseExpiresAt: null },
    ]);
    expect(json.nextCursor).toEqual(expect.any(String));
    expect((await get({}, `/v1/messages/other?cursor=${json.nextCursor}`)).status).toBe(400);
  });
});
