import type { CommittedOffset, GroupOffsetsRequest, ListPage, OffsetCommit, QueueOffset } from "../requests.ts";

/** The verbs of consumers that pull, and keep with the broker how far they have come. */
export interface Offsets {
  /** Answers the offset. A repeat is answered alike. Errors: STALE_GENERATION, PRECONDITION_FAILED, OFFSET_ILLEGAL. */
  commitOffset(group: string, topic: string, queueId: number, commit: OffsetCommit): Promise<number>;
  /** Where the group stands, or the client that keeps an offset of its own. Errors: OFFSET_NOT_FOUND. */
  committedOffset(group: string, topic: string, queueId: number, clientId?: string): Promise<CommittedOffset>;
  /** The same of all queues, by topic and queue. */
  groupOffsets(group: string, request: GroupOffsetsRequest): Promise<ListPage<QueueOffset>>;
}
