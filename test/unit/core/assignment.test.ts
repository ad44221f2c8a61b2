import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignedQueues } from "../../../core/assignment/assignment.ts";
import type { DividedTopic } from "../../../core/assignment/division.ts";
import { md5 } from "../../../core/bytes/md5.ts";
import { type Assignment, type Member, PLAIN_STRATEGIES } from "../../../core/terms.ts";

const member = (clientId: string, more: { room?: string; subscriptions?: readonly string[] } = {}): Member => ({
  clientId,
  room: more.room,
  subscriptions: more.subscriptions && new Set(more.subscriptions),
  firstSeenAtMs: 0,
  lastSeenAtMs: 0,
});
const orders = (queues: number, rooms: readonly string[] = []): DividedTopic => ({ name: "orders", queues, rooms });

/** The queues of each member, as numbers. */
const shares = (assignment: Assignment, topic: DividedTopic, members: readonly Member[]) =>
  members.map((self) => assignedQueues({ assignment, topics: [topic], members }, self).map(({ queueId }) => queueId));

const three = [member("a"), member("b"), member("c")];

describe("strategies, by values worked out from RocketMQ's rules", () => {
  it("AVG gives neighbouring queues, the first members one more", () => {
    expect(shares("AVG", orders(8), three)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
    expect(shares("AVG", orders(6), three)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(shares("AVG", orders(2), three)).toEqual([[0], [1], []]);
    expect(shares("AVG", orders(0), three)).toEqual([[], [], []]);
  });

  it("AVG_BY_CIRCLE deals the queues in turn", () => {
    expect(shares("AVG_BY_CIRCLE", orders(8), three)).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5],
    ]);
    expect(shares("AVG_BY_CIRCLE", orders(2), three)).toEqual([[0], [1], []]);
  });

  it("CONSISTENT_HASH goes by ten virtual nodes a client and MD5", () => {
    const clients = ["10.0.0.1@DEFAULT", "10.0.0.2@DEFAULT", "10.0.0.3@DEFAULT"].map((id) => member(id));
    expect(shares("CONSISTENT_HASH", orders(8), clients)).toEqual([
      [0, 4, 7],
      [1, 2],
      [3, 5, 6],
    ]);
  });

  it("CONFIG gives what the settings name, as far as it exists", () => {
    const queues = [
      { clientId: "a", topic: "orders", queueId: 1 },
      { clientId: "a", topic: "orders", queueId: 9 },
      { clientId: "b", topic: "returns", queueId: 0 },
      { clientId: "x", topic: "orders", queueId: 0 },
    ];
    expect(shares({ strategy: "CONFIG", queues }, orders(4), three)).toEqual([[1], [], []]);
  });

  it("MACHINE_ROOM with rooms gives their queues to all, the rest one each to the first", () => {
    const rooms = (...names: string[]) => ({ strategy: "MACHINE_ROOM", rooms: names }) as const;
    expect(shares(rooms("az1"), orders(8, ["az1"]), three)).toEqual([
      [0, 1, 6],
      [2, 3, 7],
      [4, 5],
    ]);
    // Queues 0 and 2 are in az1, 1 and 3 in az2.
    expect(shares(rooms("az2"), orders(4, ["az1", "az2"]), three)).toEqual([[1], [3], []]);
    expect(shares(rooms("az1"), orders(4), three)).toEqual([[], [], []]);
  });

  it("MACHINE_ROOM alone gives each room's queues to the members in it", () => {
    const members = [member("a", { room: "az1" }), member("b", { room: "az1" }), member("c", { room: "az2" }), member("d")];
    expect(shares("MACHINE_ROOM", orders(7, ["az1", "az2", "az3"]), members)).toEqual([[0, 6], [3], [1, 4], []]);
  });

  it("MACHINE_ROOM_NEARBY shares the queues of rooms without members among all", () => {
    const members = [member("a", { room: "az1" }), member("b", { room: "az1" }), member("c", { room: "az2" })];
    // az1: 0 and 3; az2: 1 and 4; az3, where nobody is: 2 and 5.
    const topic = orders(6, ["az1", "az2", "az3"]);
    expect(shares("MACHINE_ROOM_NEARBY-AVG", topic, members)).toEqual([
      [0, 2],
      [3, 5],
      [1, 4],
    ]);
    expect(shares("MACHINE_ROOM_NEARBY-AVG", orders(4), members)).toEqual([[0, 1], [2], [3]]);
    // Whoever is nowhere has a part in what nobody is near to.
    expect(shares("MACHINE_ROOM_NEARBY-AVG_BY_CIRCLE", topic, [members[0]!, member("z")])).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ]);
  });

  it("sorts the queues by broker name before it deals them", () => {
    // az1@apogee has the queues 1 and 3, and comes before az2@apogee.
    expect(shares("AVG", orders(4, ["az2", "az1"]), three.slice(0, 2))).toEqual([
      [1, 3],
      [0, 2],
    ]);
  });

  it("shares each topic among those who consume it", () => {
    const members = [member("a"), member("b", { subscriptions: ["orders"] }), member("c", { subscriptions: ["returns"] })];
    const topics = [orders(4), { name: "returns", queues: 2, rooms: [] }];
    const of = (self: Member) =>
      assignedQueues({ assignment: "AVG", topics, members }, self).map(({ topic, queueId }) => `${topic} ${queueId}`);
    expect(members.map(of)).toEqual([["orders 0", "orders 1", "returns 0"], ["orders 2", "orders 3"], ["returns 1"]]);
  });
});

describe("strategies, whatever is shared", () => {
  const room = fc.constantFrom("az1", "az2", "az3", undefined);
  const members = fc
    .uniqueArray(fc.record({ id: fc.stringMatching(/^[a-z0-9]{1,3}$/), room }), {
      minLength: 1,
      maxLength: 12,
      selector: ({ id }) => id,
    })
    .map((all) => all.map(({ id, room }) => member(id, room === undefined ? {} : { room })).sort(byId));
  const topic = fc.record({
    name: fc.constant("orders"),
    queues: fc.nat(40),
    rooms: fc.constantFrom([], ["az1"], ["az2", "az1"], ["az1", "az2", "az3"]),
  });
  const byId = (a: Member, b: Member) => (a.clientId < b.clientId ? -1 : 1);
  const all = (count: number) => Array.from({ length: count }, (_, queueId) => queueId);

  it.each(PLAIN_STRATEGIES.filter((name) => name !== "MACHINE_ROOM"))("%s gives every queue to one member", (strategy) => {
    fc.assert(
      fc.property(members, topic, (some, shared) => {
        expect(
          shares(strategy, shared, some)
            .flat()
            .sort((a, b) => a - b),
        ).toEqual(all(shared.queues));
      }),
    );
  });

  it("MACHINE_ROOM gives every queue of a room with members to one of them", () => {
    fc.assert(
      fc.property(members, topic, (some, shared) => {
        const roomOf = (queueId: number) => shared.rooms[queueId % shared.rooms.length];
        const near = all(shared.queues).filter((queueId) =>
          some.some(({ room }) => room !== undefined && room === roomOf(queueId)),
        );
        const given = shares("MACHINE_ROOM", shared, some);
        expect(given.flat().sort((a, b) => a - b)).toEqual(near);
        for (const [index, { room }] of some.entries())
          expect(given[index]!.every((queueId) => roomOf(queueId) === room)).toBe(true);
        const rooms = [...new Set(shared.rooms)];
        const listed = rooms.length === 0 ? [] : shares({ strategy: "MACHINE_ROOM", rooms: rooms.slice(0, 1) }, shared, some);
        expect(listed.flat().sort((a, b) => a - b)).toEqual(
          all(shared.queues).filter((queueId) => roomOf(queueId) === rooms[0] && rooms.length > 0),
        );
      }),
    );
  });

  it.each(["AVG", "AVG_BY_CIRCLE"] as const)("%s gives nobody two queues more than another", (strategy) => {
    fc.assert(
      fc.property(members, topic, (some, shared) => {
        const counts = shares(strategy, shared, some).map(({ length }) => length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("CONSISTENT_HASH moves only the queues of a member who goes", () => {
    fc.assert(
      fc.property(members, topic, fc.nat(), (some, shared, which) => {
        fc.pre(some.length > 1);
        const gone = which % some.length;
        const before = shares("CONSISTENT_HASH", shared, some).filter((_, index) => index !== gone);
        const after = shares(
          "CONSISTENT_HASH",
          shared,
          some.filter((_, index) => index !== gone),
        );
        for (const [index, queues] of before.entries()) expect(after[index]).toEqual(expect.arrayContaining(queues));
      }),
    );
  });
});

it("md5 is MD5", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(Buffer.from(md5(bytes))).toEqual(createHash("md5").update(bytes).digest());
    }),
  );
});
