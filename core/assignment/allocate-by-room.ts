import { type Allocate, NOTHING } from "./allocate.ts";
import type { MessageQueue } from "./message-queue.ts";

/** Gives the queues of some rooms to all members, and others to nobody. Source: RocketMQ's AllocateMessageQueueByMachineRoom. */
export const allocateRooms =
  (rooms: readonly string[]): Allocate =>
  (queues, members, self) =>
    allocateWithRest(
      queues.filter(({ room }) => room !== undefined && rooms.includes(room)),
      members,
      self,
    );

/** Gives the queues of each room to its members. Queues of rooms without members, and without a room, go to nobody. */
export const allocateOwnRoom: Allocate = (queues, members, self) =>
  self.room === undefined ? NOTHING : allocateWithRest(inRoom(queues, self.room), inRoom(members, self.room), self);

/**
 * Gives the queues of each room to its members, and those of rooms without members, or without a room, to all: each time by `inner`.
 * Source: RocketMQ's AllocateMachineRoomNearby, which fails if a queue or a member has no room.
 */
export const allocateNearby =
  (inner: Allocate): Allocate =>
  (queues, members, self) => {
    const rooms = new Map<string | undefined, MessageQueue[]>();
    for (const queue of queues) rooms.set(queue.room, [...(rooms.get(queue.room) ?? []), queue]);
    return Array.from(rooms, ([room, there]) => {
      const near = room === undefined ? [] : inRoom(members, room);
      if (near.length === 0) return inner(there, members, self);
      return near.includes(self) ? inner(there, near, self) : NOTHING;
    }).flat();
  };

/** Gives equally many neighbouring queues to each; the rest to the first members, one each. */
const allocateWithRest: Allocate = (queues, members, self) => {
  const index = members.indexOf(self);
  const size = Math.floor(queues.length / members.length);
  const rest = queues.slice(size * members.length);
  return [...queues.slice(size * index, size * (index + 1)), ...rest.slice(index, index + 1)];
};

const inRoom = <T extends { readonly room: string | undefined }>(all: readonly T[], room: string): readonly T[] =>
  all.filter((one) => one.room === room);
