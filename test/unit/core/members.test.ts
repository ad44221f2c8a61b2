import { beforeEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { memberItem } from "../../../core/assignment/member-codec.ts";
import { SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { GROUPS_PK, generationKey, membersPk } from "../../../core/keys.ts";
import { CLIENT_LEASE_MS, CLIENTS_MAX, EXPIRED_CLIENTS_SWEPT_MAX } from "../../../core/limits.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const START_MS = 1_800_000_000_000;

let nowMs: number;
let items: MemoryItemStore;
let broker: RunningBroker;

/** A process on the one store, with caches of its own and a clock that may be ahead. */
const start = (through: ItemStore, { aheadMs = 0, settings = SOLE_PROCESS } = {}): Promise<RunningBroker> =>
  testBroker({
    items: through,
    clock: { nowMs: () => nowMs + aheadMs, sleep: async () => undefined },
    settings,
  });

/** The store, with something that happens after each call and before its answer. */
const followed = (happens: (key: { readonly pk: string }) => Promise<void>): ItemStore =>
  new Proxy(items as ItemStore, {
    get: (store, verb: keyof ItemStore) => async (key: never, more: never) => {
      const answer = await (store[verb] as (key: never, more: never) => Promise<unknown>)(key, more);
      await happens(key);
      return answer;
    },
  });

beforeEach(async () => {
  nowMs = START_MS;
  items = new MemoryItemStore();
  broker = await start(items);
  await broker.putTopic("orders", { queues: 4 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", {});
});

const heartbeat = (clientId: string, request: { subscriptions?: string[]; room?: string } = {}, through = broker) =>
  through.heartbeat("billing", clientId, request);
const queuesOf = async (clientId: string, through = broker) => {
  const { generation, assignment } = await heartbeat(clientId, {}, through);
  return { generation, queues: assignment.map(({ queueId }) => queueId) };
};
const groupUid = async () => (await items.query({ pk: GROUPS_PK, limit: 1 })).items[0]!.u as string;
const storedClients = async () =>
  (await items.query({ pk: membersPk(await groupUid()), limit: 10_000 })).items.map(({ sk }) => sk);

describe("membership", () => {
  it("ends 120 seconds after the last heartbeat, and the queues go to the others", async () => {
    await heartbeat("a");
    const { generation } = await heartbeat("b");
    nowMs += CLIENT_LEASE_MS - 1;
    expect(await queuesOf("a")).toEqual({ generation, queues: [0, 1] });
    expect((await broker.getGroup("billing")).consumersOnline).toBe(2);
    nowMs += 1;
    expect((await broker.listMembers("billing", { limit: 10 })).items.map(({ clientId }) => clientId)).toEqual(["a"]);
    expect((await broker.getGroup("billing")).consumersOnline).toBe(1);
    await expect(broker.removeMember("billing", "b")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await queuesOf("a")).toEqual({ generation: generation + 1, queues: [0, 1, 2, 3] });
  });

  it("begins anew after it ended", async () => {
    await heartbeat("a");
    nowMs += CLIENT_LEASE_MS - 1;
    expect((await heartbeat("a")).joined).toBe(false);
    expect((await broker.listMembers("billing", { limit: 10 })).items[0]).toMatchObject({
      firstSeenAtMs: START_MS,
      lastSeenAtMs: nowMs,
    });
    nowMs += CLIENT_LEASE_MS;
    expect((await heartbeat("a")).joined).toBe(true);
    expect((await broker.listMembers("billing", { limit: 10 })).items[0]).toMatchObject({ firstSeenAtMs: nowMs });
  });

  it("is for a bounded number of clients, the expired ones not counted", async () => {
    const uid = await groupUid();
    const others = Array.from({ length: CLIENTS_MAX - 1 }, (_, index) => ({
      clientId: `c${index}`,
      subscriptions: undefined,
      room: undefined,
      firstSeenAtMs: nowMs,
      lastSeenAtMs: nowMs,
    }));
    await Promise.all(others.map((member) => items.put(memberItem(uid, member))));
    await heartbeat("last");
    await expect(heartbeat("more")).rejects.toMatchObject({ code: "QUOTA_EXCEEDED", message: /1000 clients/ });
    expect(await storedClients()).not.toContain("more");
    expect((await heartbeat("last")).joined).toBe(false);
    expect((await broker.listGroupsWithLag({ limit: 10 })).items[0]).toMatchObject({
      consumersOnline: CLIENTS_MAX,
      complete: true,
    });
    nowMs += CLIENT_LEASE_MS;
    expect(await queuesOf("more")).toMatchObject({ queues: [0, 1, 2, 3] });
  });

  it("leaves no items behind for good: those who find others expired delete some of them", async () => {
    for (let index = 0; index <= EXPIRED_CLIENTS_SWEPT_MAX; index++) await heartbeat(`c${index}`);
    nowMs += CLIENT_LEASE_MS;
    await heartbeat("a");
    expect(await storedClients()).toHaveLength(2);
    await heartbeat("b");
    expect(await storedClients()).toEqual(["a", "b"]);
  });

  it("does not promise that nothing changed when it began and its share is not known", async () => {
    const uid = await groupUid();
    const failing = followed(async ({ pk }) => {
      if (pk === generationKey(uid).pk && (await storedClients()).length > 0) {
        throw new StoreUnavailable("not-applied", "throttled", "throttled");
      }
    });
    const through = await start(failing);
    await expect(heartbeat("a", {}, through)).rejects.toMatchObject({ code: "REQUEST_TIMEOUT" });
    expect((await heartbeat("a")).joined).toBe(false);
  });

  it("brings no queues of redriven messages, which are received", async () => {
    await broker.sendMessages("orders", [{ body: new Uint8Array([1]) }]);
    const [message] = await broker.receiveMessages("billing", { max: 1, waitMs: 0 });
    await broker.settleMessages("billing", [{ action: "deadLetter", receiptHandle: message!.receiptHandle }]);
    expect(await broker.redriveDeadLetters("billing", {})).toMatchObject({ moved: 1 });
    const { assignment } = await heartbeat("a");
    expect(new Set(assignment.map(({ topic }) => topic))).toEqual(new Set(["orders"]));
    expect((await broker.listMembers("billing", { limit: 1 })).items[0]!.subscriptions).toEqual(new Set(["orders"]));
  });

  it("goes with its group", async () => {
    const uid = await groupUid();
    await heartbeat("a");
    await broker.deleteGroup("billing", { dryRun: false });
    nowMs += FLIGHT_MS_MAX + 1;
    await broker.maintain({ untilMs: nowMs + 60_000 });
    expect((await items.query({ pk: membersPk(uid), limit: 1 })).items).toEqual([]);
    expect(await items.get(generationKey(uid))).toBeUndefined();
  });
});

describe("the generation", () => {
  it("stays while nothing changes", async () => {
    await heartbeat("a", { room: "az1" });
    const { generation } = await heartbeat("b");
    for (let round = 0; round < 3; round++) {
      nowMs += 30_000;
      expect((await heartbeat("a", { room: "az1" })).generation).toBe(generation);
      // What is all there is, named.
      expect((await heartbeat("b", { subscriptions: ["orders"] })).generation).toBe(generation);
      await broker.putTopic("orders", { retentionHours: 10 + round });
      await broker.putGroup("billing", { maxAttempts: 5 + round });
      await broker.putTopic(`other-${round}`, {});
    }
  });

  it("grows by one with every change of what queues are shared by", async () => {
    await broker.putTopic("returns", {});
    await broker.putSubscription("billing", "returns", {});
    await heartbeat("a");
    let last = (await heartbeat("b")).generation;
    const grows = async (change: () => Promise<unknown>) => {
      await change();
      expect((await heartbeat("a")).generation, String(change)).toBe(++last);
      expect((await heartbeat("a")).generation).toBe(last);
    };
    await grows(() => broker.putTopic("orders", { queues: 8 }));
    await grows(() => broker.putTopic("orders", { rooms: ["az1"] }));
    await grows(() => broker.putTopic("orders", { perm: 2 }));
    await grows(() => broker.putGroup("billing", { assignment: "AVG_BY_CIRCLE" }));
    await grows(() => broker.deleteSubscription("billing", "returns", { dryRun: false }));
    await grows(() => broker.removeMember("billing", "b"));
    for (const request of [{}, { room: "az1" }, { room: "az2" }, {}]) await grows(() => heartbeat("b", request));
    await broker.putSubscription("billing", "returns", {});
    await grows(() => heartbeat("b", { subscriptions: ["returns"] }));
    await grows(() => broker.deleteTopic("orders", { dryRun: false }));
  });

  it("grows once where processes remember different states of the group", async () => {
    const other = await start(items);
    await heartbeat("a");
    await heartbeat("b", {}, other);
    await broker.putTopic("orders", { queues: 8 });
    const { generation } = await queuesOf("a");
    // The other process may still know of 4 queues.
    expect(await queuesOf("b", other)).toEqual({ generation, queues: [4, 5, 6, 7] });
    expect(await queuesOf("a")).toEqual({ generation, queues: [0, 1, 2, 3] });
  });

  it("takes a subscription that another process made", async () => {
    const other = await start(items);
    await heartbeat("a", {}, other);
    await broker.putTopic("returns", { queues: 1 });
    await broker.putSubscription("billing", "returns", {});
    const { assignment } = await heartbeat("a", { subscriptions: ["returns"] }, other);
    expect(assignment).toEqual([{ topic: "returns", queueId: 0 }]);
  });

  it("is not raised by who looked before another joined", async () => {
    await heartbeat("a");
    const uid = await groupUid();
    const looked = (pk: string) => pk === membersPk(uid) || pk === generationKey(uid).pk;
    let joined = false;
    const slow = await start(
      followed(async (key) => {
        // Between the first and the second look at what others change.
        if (joined || !looked(key.pk)) return;
        joined = true;
        await heartbeat("b");
      }),
    );
    const { generation } = await heartbeat("a", {}, slow);
    expect(joined).toBe(true);
    expect((await heartbeat("b")).generation).toBe(generation);
    expect(generation).toBe(2);
  });

  it("does not go back and forth between clocks that differ", async () => {
    const ahead = await start(items, { aheadMs: 2_000, settings: SHARED_STORE });
    const behind = await start(items, { settings: SHARED_STORE });
    // More than are deleted as soon as they are found expired.
    for (let index = 0; index <= EXPIRED_CLIENTS_SWEPT_MAX; index++) await heartbeat(`c${index}`, {}, behind);
    nowMs += CLIENT_LEASE_MS - 1_000;
    const { generation } = await heartbeat("b", {}, behind);
    // By the clock that is ahead the others have expired, by this one not yet.
    expect((await heartbeat("b", {}, ahead)).generation).toBe(generation + 1);
    expect((await heartbeat("b", {}, behind)).generation).toBe(generation + 1);
    expect((await heartbeat("b", {}, ahead)).generation).toBe(generation + 1);
  });
});

describe("members who come and go at once", () => {
  /** Lets other calls run between its own. */
  const slowed = (random: SeededRandom): ItemStore =>
    followed(async () => {
      for (let turns = Math.floor(random.fraction() * 6); turns > 0; turns--)
        await new Promise((resolve) => setImmediate(resolve));
    });
  const processes = (seed: number) => Promise.all([1, 2, 3].map((each) => start(slowed(new SeededRandom(10 * seed + each)))));

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("raise the generation no more often than they are, seed %i", async (seed) => {
    const through = await processes(seed);
    const clientIds = Array.from({ length: 8 }, (_, index) => `c${index}`);
    await Promise.all(clientIds.map((clientId, index) => heartbeat(clientId, {}, through[index % 3])));
    const ends = await Promise.all(clientIds.map((clientId, index) => heartbeat(clientId, {}, through[(index + 1) % 3])));
    expect(new Set(ends.map(({ generation }) => generation)).size).toBe(1);
    expect(ends[0]!.generation).toBeLessThanOrEqual(clientIds.length);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("never share alike numbers and different queues, seed %i", async (seed) => {
    const random = new SeededRandom(seed);
    const several = await processes(seed);
    const owners = new Map<string, string>();
    const one = <T>(some: readonly T[]): T => some[Math.floor(random.fraction() * some.length)]!;
    const client = async (clientId: string) => {
      for (let step = 0; step < 12; step++) {
        const through = one(several);
        const dice = random.fraction();
        if (dice < 0.15) await through.removeMember("billing", clientId).catch(() => undefined);
        else if (dice < 0.2) await through.putTopic("orders", { queues: one([4, 5, 6, 7, 8]) }).catch(() => undefined);
        else {
          const { generation, assignment } = await heartbeat(clientId, {}, through);
          for (const { queueId } of assignment) {
            const place = `${generation}/${queueId}`;
            expect(owners.get(place) ?? clientId, `queue ${queueId} in generation ${generation}`).toBe(clientId);
            owners.set(place, clientId);
          }
        }
      }
    };
    await Promise.all(["a", "b", "c", "d", "e"].map(client));
    // And in the end they agree.
    nowMs += 3_000;
    for (const clientId of ["a", "b"]) await heartbeat(clientId);
    const ends = [await heartbeat("a"), await heartbeat("b", {}, several[0])];
    expect(ends[0]!.generation).toBe(ends[1]!.generation);
  });
});
