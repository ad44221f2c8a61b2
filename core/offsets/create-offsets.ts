import { Ownership } from "../assignment/ownership.ts";
import { answering } from "../store/store-errors.ts";
import { commitOffset } from "./commit-offset.ts";
import { committedOffset, groupOffsets } from "./committed-offsets.ts";
import type { Committing } from "./committed-queue.ts";
import type { Offsets } from "./offsets.ts";

/** Keeping how far consumers that pull have come. */
export function createOffsets(consuming: Omit<Committing, "ownership">): Offsets {
  const committing = { ...consuming, ownership: new Ownership(consuming) };
  return {
    commitOffset: (group, topic, queueId, commit) =>
      answering(() => commitOffset(committing, group, { topic, queueId }, commit), { topic, queueId }),
    committedOffset: (group, topic, queueId, clientId) =>
      answering(() => committedOffset(committing, group, { topic, queueId }, clientId), { topic, queueId }),
    groupOffsets: (group, request) => answering(() => groupOffsets(committing, group, request)),
  };
}
