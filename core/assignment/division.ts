import { toBase64url } from "../bytes/base64url.ts";
import { md5 } from "../bytes/md5.ts";
import type { Assignment, Member, Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import type { Sharing } from "./sharing.ts";

/** Everything that decides who consumes which queue. */
export interface Division {
  readonly assignment: Assignment;
  /** The topics that some member consumes, by name. */
  readonly topics: readonly DividedTopic[];
  /** In the order of their ids. */
  readonly members: readonly Member[];
}

export interface DividedTopic {
  readonly name: string;
  readonly queues: number;
  readonly rooms: readonly string[];
}

const encoder = new TextEncoder();

export const consumes = ({ subscriptions }: Member, topic: string): boolean => subscriptions?.has(topic) ?? true;

export function divisionOf({ group, topics }: Sharing, members: readonly Member[], atMs: number): Division {
  const consumed = topics.filter(({ name }) => members.some((member) => consumes(member, name)));
  return {
    assignment: group.assignment,
    topics: consumed.map((topic) => ({ name: topic.name, queues: dividedQueues(topic, atMs), rooms: topic.rooms })),
    members,
  };
}

/** A removed queue may still get a late send. So it is shared until no such send can come. */
const dividedQueues = (topic: Topic, atMs: number): number => (topic.perm & 4 ? visitedQueues(topic, atMs) : 0);

/** Tells two divisions apart. */
export function fingerprintOf({ assignment, topics, members }: Division): string {
  const consumed = (member: Member) =>
    topics.every(({ name }) => consumes(member, name))
      ? "all"
      : topics.flatMap(({ name }, index) => (consumes(member, name) ? index : []));
  const consumers = members.map((member) => [member.clientId, member.room ?? null, consumed(member)]);
  const text = JSON.stringify([assignment, topics.map(({ name, queues, rooms }) => [name, queues, rooms]), consumers]);
  return toBase64url(md5(encoder.encode(text)));
}
