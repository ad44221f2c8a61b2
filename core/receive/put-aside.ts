import { PUT_ASIDE_MAX } from "../limits.ts";
import type { Unreadable } from "../log/frame.ts";
import { shownTopicName } from "../names.ts";
import type { TransactWrite } from "../ports/item-store.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { Claim, Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { unreadableItem } from "../progress/unreadable-message.ts";
import type { Step } from "./taken.ts";

/**
 * Removes unreadable messages from a claim and notes each of them, in one transaction on the condition that the claim is as it was
 * read. Answers the progress after it. One call removes a limited number: the rest is removed when the claim is taken again.
 */
export async function putAside(
  consumption: Consumption,
  { queue, progress }: Pick<Step, "queue" | "progress">,
  claim: Claim,
  unreadable: readonly Unreadable[],
): Promise<Progress | undefined> {
  const some = unreadable.slice(0, PUT_ASIDE_MAX);
  const leaving = new Set(some.map(({ offset }) => offset - claim.first));
  const change = new ProgressChange(progress).wantClaim(claim).wantOpen(claim).countUnreadable(progress, some.length);
  if (leaving.size === claim.open.length) change.dropClaim(claim.id);
  else change.settle(claim.id, leaving);
  const nowMs = consumption.clock.wallMs();
  const noted = some.map((one): TransactWrite => ({ kind: "put", item: unreadableItem(queue, one, nowMs) }));
  const { ok } = await consumption.items.transact([change.writeTo(queue), ...noted]);
  for (const { offset, reason } of ok ? some : []) {
    consumption.events.happened({
      kind: "messagePutAside",
      group: queue.group.name,
      topic: shownTopicName(queue.topic.name),
      queueId: queue.queueId,
      offset,
      reason,
    });
  }
  return consumption.progressStore.read(queue);
}
