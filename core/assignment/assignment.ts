import type { AssignedQueue, Assignment, Member } from "../terms.ts";
import { type Allocate, allocateAveragely, allocateByCircle, allocateByConfig } from "./allocate.ts";
import { allocateByHash } from "./allocate-by-hash.ts";
import { allocateNearby, allocateOwnRoom, allocateRooms } from "./allocate-by-room.ts";
import { consumes, type Division } from "./division.ts";
import { compareNames, messageQueues } from "./message-queue.ts";

/** The queues of `self`, one of the members, by topic and id. */
export function assignedQueues({ assignment, topics, members }: Division, self: Member): readonly AssignedQueue[] {
  const allocate = strategyFor(assignment, members);
  return topics
    .filter(({ name }) => consumes(self, name))
    .flatMap((topic) => {
      const consumers = members.filter((member) => consumes(member, topic.name));
      return allocate(messageQueues(topic), consumers, self);
    })
    .map(({ topic, queueId }) => ({ topic, queueId }))
    .sort((a, b) => compareNames(a.topic, b.topic) || a.queueId - b.queueId);
}

/** The strategy, made ready for any of `members`. */
function strategyFor(assignment: Assignment, members: readonly Member[]): Allocate {
  if (typeof assignment === "object") {
    return assignment.strategy === "CONFIG" ? allocateByConfig(assignment.queues) : allocateRooms(assignment.rooms);
  }
  switch (assignment) {
    case "AVG":
      return allocateAveragely;
    case "AVG_BY_CIRCLE":
      return allocateByCircle;
    case "CONSISTENT_HASH":
      return allocateByHash(members);
    case "MACHINE_ROOM":
      return allocateOwnRoom;
    case "MACHINE_ROOM_NEARBY-AVG":
      return allocateNearby(allocateAveragely);
    case "MACHINE_ROOM_NEARBY-AVG_BY_CIRCLE":
      return allocateNearby(allocateByCircle);
    case "MACHINE_ROOM_NEARBY-CONSISTENT_HASH":
      return allocateNearby(allocateByHash(members));
  }
}
