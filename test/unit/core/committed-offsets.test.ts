import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError, type ErrorCodeName } from "../../../core/errors.ts";
import { clientOffsetsKey, clientOffsetsPk } from "../../../core/keys.ts";
import { BROADCASTING_CLIENTS_MAX, CLIENT_LEASE_MS, CLIENT_OFFSETS_LIFE_MS } from "../../../core/limits.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { OffsetCommit } from "../../../core/requests.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const HOUR_MS = 3_600_000;
const SENT = 10;

let clock: ManualClock;
let items: MemoryItemStore;
let broker: RunningBroker;
let beforeWrite: (() => Promise<void>) | undefined;
let afterWrite: (() => void) | undefined;

/** The store, with something that happens right before the next transaction, or instead of its answer. */
const meddled = (store: MemoryItemStore): ItemStore => ({
  get: (key, options) => store.get(key, options),
  batchGet: (keys, options) => store.batchGet(keys, options),
  query: (query) => store.query(query),
  put: (item, options) => store.put(item, options),
  update: (key, changes, options) => store.update(key, changes, options),
  delete: (key, options) => store.delete(key, options),
  transact: async (writes) => {
    const [before, after] = [beforeWrite, afterWrite];
    beforeWrite = undefined;
    afterWrite = undefined;
    await before?.();
    const result = await store.transact(writes);
    after?.();
    return result;
  },
});

beforeEach(async () => {
  clock = new ManualClock();
  items = new MemoryItemStore();
  beforeWrite = undefined;
  afterWrite = undefined;
  broker = await testBroker({ items: meddled(items), clock });
  await broker.putTopic("orders", { queues: 1, retentionHours: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  await broker.sendMessages("orders", Array(SENT).fill({ body: Buffer.from("x") }));
});

const commit = (request: OffsetCommit, queueId = 0) => broker.commitOffset("billing", "orders", queueId, request);
const committed = async (clientId?: string) => (await broker.committedOffset("billing", "orders", 0, clientId)).offset;
const join = async (clientId: string) => {
  const { generation } = await broker.heartbeat("billing", clientId, {});
  return { clientId, generation };
};
const own = (offset: number, clientId = "b1"): OffsetCommit => ({ offset, clientId, messageModel: "BROADCASTING" });
const refused = async (work: Promise<unknown>): Promise<ErrorCodeName | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => (BrokerError.is(error) ? error.code : Promise.reject(error)),
  );
const subscriptionUid = async () => (await broker.getSubscription("billing", "orders")).uid;

describe("a commit", () => {
  it("is refused when its queue goes to another between its reads and its write", async () => {
    const before = await join("b");
    await commit({ offset: 1, ...before });
    beforeWrite = async () => void (await join("a"));
    expect(await refused(commit({ offset: 5, ...before }))).toBe("STALE_GENERATION");
    expect(await committed()).toBe(1);
  });

  it("is refused when the group is reset between its reads and its write, whoever commits", async () => {
    const reset = async () => void (await broker.resetOffsets("billing", { topic: "orders", to: { offset: 2 }, dryRun: false }));
    beforeWrite = reset;
    expect(await refused(commit({ offset: 5 }))).toBe("STALE_GENERATION");
    const member = await join("a");
    beforeWrite = reset;
    expect(await refused(commit({ offset: 5, ...member }))).toBe("STALE_GENERATION");
    expect(await committed()).toBe(2);
  });

  it("goes on where another commit of the same generation came first", async () => {
    const member = await join("a");
    beforeWrite = async () => void (await commit({ offset: 3, ...member }));
    expect(await commit({ offset: 5, ...member })).toBe(5);
    beforeWrite = async () => void (await commit({ offset: 8, ...member }));
    expect(await refused(commit({ offset: 6, ...member }))).toBe("PRECONDITION_FAILED");
    expect(await committed()).toBe(8);
  });

  it("is repeated after its reply was lost, and answered alike", async () => {
    const member = await join("a");
    afterWrite = () => {
      throw new StoreUnavailable("unknown", "unavailable", "no reply");
    };
    expect(await refused(commit({ offset: 5, ...member }))).toBe("REQUEST_TIMEOUT");
    expect(await commit({ offset: 5, ...member })).toBe(5);
  });

  it("may come late from a member whose lease is over, until its queues are shared anew", async () => {
    const member = await join("a");
    await commit({ offset: 1, ...member });
    await clock.pass(CLIENT_LEASE_MS + 60_000);
    expect(await commit({ offset: 2, ...member })).toBe(2);
    await join("b");
    expect(await refused(commit({ offset: 3, ...member }))).toBe("STALE_GENERATION");
  });

  it("of no member keeps out an earlier member that comes back under the same shares", async () => {
    const member = await join("a");
    await clock.pass(CLIENT_LEASE_MS + 60_000);
    beforeWrite = async () => void (await join("a"));
    expect(await refused(commit({ offset: 5 }))).toBe("STALE_GENERATION");
    expect(await committed()).toBe(0);
    expect((await join("a")).generation).toBeGreaterThan(member.generation);
  });

  it("counts on a queue that was added to the topic later", async () => {
    await broker.putTopic("orders", { queues: 2, retentionHours: 1 });
    await clock.pass(5_000);
    expect(await broker.committedOffset("billing", "orders", 1)).toMatchObject({ offset: 0, maxOffset: 0 });
    expect(await commit({ offset: 0 }, 1)).toBe(0);
    expect(await refused(commit({ offset: 1 }, 1))).toBe("OFFSET_ILLEGAL");
  });

  it("may lie below what is stored, and is shown so", async () => {
    await commit({ offset: 2 });
    await clock.pass(2 * HOUR_MS);
    await broker.sendMessages("orders", [{ body: Buffer.from("y") }]);
    const { offset, minOffset, lag } = await broker.committedOffset("billing", "orders", 0);
    expect(offset).toBe(2);
    expect(minOffset).toBeGreaterThanOrEqual(SENT);
    expect(lag).toBe(1);
    expect(await commit({ offset: 3 })).toBe(3);
  });
});

describe("offsets of a client's own", () => {
  it("are kept for a day after its last commit, whatever it committed", async () => {
    await commit(own(3));
    await clock.pass(CLIENT_OFFSETS_LIFE_MS - 1_000);
    await commit(own(3));
    await clock.pass(CLIENT_OFFSETS_LIFE_MS - 1_000);
    expect(await committed("b1")).toBe(3);
    await clock.pass(2_000);
    expect(await refused(committed("b1"))).toBe("OFFSET_NOT_FOUND");
    // What has expired and is still stored does not hold it up.
    expect(await commit(own(1))).toBe(1);
    expect(await committed("b1")).toBe(1);
  });

  it("are of a bounded number of clients, without those that have expired", async () => {
    const uid = await subscriptionUid();
    const fill = async (x: number) => {
      for (let index = 0; index < BROADCASTING_CLIENTS_MAX; index++)
        await items.put({ ...clientOffsetsKey(uid, `f${index}`), o0: 1, rw: 0, x });
    };
    await commit(own(1));
    await fill(Math.floor(clock.nowMs() / 1_000) - 1);
    expect(await commit(own(1, "b2"))).toBe(1);
    await fill(Math.floor(clock.nowMs() / 1_000) + 3_600);
    expect(await refused(commit(own(1, "b3")))).toBe("QUOTA_EXCEEDED");
    expect(await commit(own(2, "b2"))).toBe(2);
  });

  it("do not go back by an earlier commit that is applied late", async () => {
    await commit(own(5));
    const update = items.update.bind(items);
    let late: (() => Promise<unknown>) | undefined;
    items.update = async (...call) => {
      items.update = update;
      late = () => update(...call);
      throw new StoreUnavailable("unknown", "unavailable", "no reply");
    };
    expect(await refused(commit({ ...own(2), allowRewind: true }))).toBe("REQUEST_TIMEOUT");
    await commit({ ...own(2), allowRewind: true });
    await commit(own(5));
    await late?.();
    expect(await committed("b1")).toBe(5);
  });

  it("go with the subscription", async () => {
    const uid = await subscriptionUid();
    await commit(own(3));
    await broker.deleteSubscription("billing", "orders", { dryRun: false });
    await clock.pass(FLIGHT_MS_MAX + 1_000);
    await broker.maintain({ untilMs: clock.nowMs() + 60_000 });
    expect((await items.query({ pk: clientOffsetsPk(uid), limit: 10 })).items).toEqual([]);
    await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
    await clock.pass(5_000);
    expect(await refused(committed("b1"))).toBe("OFFSET_NOT_FOUND");
  });
});

describe("a model of committed offsets", () => {
  const offset = fc.integer({ min: 0, max: SENT + 1 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("commit" as const), who: fc.constantFrom("a", "b"), offset, allowRewind: fc.boolean() }),
    fc.record({ kind: fc.constant("own" as const), who: fc.constantFrom("x", "y"), offset, allowRewind: fc.boolean() }),
    fc.record({ kind: fc.constant("join" as const), who: fc.constantFrom("a", "b") }),
    fc.record({ kind: fc.constant("leave" as const), who: fc.constantFrom("a", "b") }),
    fc.record({ kind: fc.constant("reset" as const), offset: fc.integer({ min: 0, max: SENT }) }),
  );

  it("answers every commit as it should", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const fresh = await testBroker({ items: new MemoryItemStore(), clock });
        broker = fresh;
        await fresh.putTopic("orders", { queues: 1 });
        await fresh.putGroup("billing", {});
        await fresh.putSubscription("billing", "orders", { startFrom: "earliest" });
        await fresh.sendMessages("orders", Array(SENT).fill({ body: Buffer.from("x") }));
        let group = 0;
        const owns = new Map<string, number>();
        const members = new Set<string>();
        const heard = new Map<string, number>();
        /** How the queue was last given to a member, and whether somebody left since then, or the group was reset. */
        let shared = { generation: 0, owner: "", since: "nothing" as "nothing" | "left" | "reset" };
        const expected = (at: number, wanted: number, allowRewind: boolean): ErrorCodeName | undefined => {
          if (wanted < at && !allowRewind) return "PRECONDITION_FAILED";
          return wanted > SENT && wanted > at ? "OFFSET_ILLEGAL" : undefined;
        };
        for (const one of steps) {
          if (one.kind === "join") {
            const { generation } = await join(one.who);
            members.add(one.who);
            heard.set(one.who, generation);
            shared = { generation, owner: [...members].sort()[0] as string, since: "nothing" };
          } else if (one.kind === "leave") {
            await refused(fresh.removeMember("billing", one.who));
            if (members.delete(one.who) && shared.since === "nothing") shared.since = "left";
          } else if (one.kind === "reset") {
            await fresh.resetOffsets("billing", { topic: "orders", to: { offset: one.offset }, dryRun: false });
            group = one.offset;
            shared.since = "reset";
          } else if (one.kind === "own") {
            const answer = await refused(commit({ ...own(one.offset, one.who), allowRewind: one.allowRewind }));
            const at = owns.get(one.who);
            const wanted = expected(at ?? 0, one.offset, at === undefined || one.allowRewind);
            expect(answer).toBe(wanted);
            if (wanted === undefined) owns.set(one.who, one.offset);
          } else {
            const generation = heard.get(one.who);
            if (generation === undefined) continue;
            const answer = await refused(
              commit({ offset: one.offset, clientId: one.who, generation, allowRewind: one.allowRewind }),
            );
            const isOwner = generation === shared.generation && one.who === shared.owner && shared.since !== "reset";
            const wanted = isOwner ? expected(group, one.offset, one.allowRewind) : "STALE_GENERATION";
            // Where somebody left, the next heartbeat shares the queue anew, and a commit may be refused before that.
            if (!(shared.since === "left" && answer === "STALE_GENERATION")) expect(answer).toBe(wanted);
            if (answer === undefined) group = one.offset;
          }
          expect(await committed()).toBe(group);
          for (const [who, at] of owns) expect(await committed(who)).toBe(at);
        }
      }),
      { numRuns: 150 },
    );
  });
});
