import type { Change, Condition, Key, TransactWrite } from "../../../core/ports/item-store.ts";
import { isProgress, type Plant, type Sabotage, tamper } from "../sabotage.ts";

const isGeneration = ({ pk }: Key): boolean => pk.startsWith("mg#");
const keyOf = (write: TransactWrite): Key => (write.kind === "put" ? write.item : write.key);
const isCommit = (writes: readonly TransactWrite[]): boolean =>
  writes.some((write) => write.kind === "update" && isProgress(write.key)) && writes.some((write) => isGeneration(keyOf(write)));

const ofCommits =
  (change: (writes: readonly TransactWrite[]) => readonly TransactWrite[]): Sabotage =>
  (items) =>
    tamper(items, { transact: (writes) => (isCommit(writes) ? change(writes) : writes) });

/** O2: a commit is compared with the generation when it is asked for, and not when it takes effect. */
export const dropsFence: Sabotage = ofCommits((writes) => writes.filter((write) => !isGeneration(keyOf(write))));

const withoutOffset = (when: readonly Condition[] = []): readonly Condition[] => when.filter(({ name }) => name !== "n");

/** O1: of two commits that cross, the one that is applied last counts. */
export const commitsBlindly: Sabotage = ofCommits((writes) =>
  writes.map((write) => (write.kind === "update" ? { ...write, when: withoutOffset(write.when) } : write)),
);

/** O1: a rewind whose reply was lost is repeated, and the first one is applied once more when the offset is where it was. */
export const repeatsRewinds: Sabotage = ofCommits((writes) =>
  writes.map((write) =>
    write.kind === "update"
      ? {
          ...write,
          changes: write.changes.filter(({ name }) => name !== "g"),
        }
      : write,
  ),
);

/** O3: a commit passes one message more than it says. */
export const commitsTooFar: Sabotage = ofCommits((writes) =>
  writes.map((write) =>
    write.kind === "update" && isProgress(write.key)
      ? {
          ...write,
          changes: write.changes.map((change) => (change.op === "set" && change.name === "n" ? furtherBy(1, change) : change)),
        }
      : write,
  ),
);

const furtherBy = (more: number, change: Extract<Change, { op: "set" }>): Change => ({
  ...change,
  value: (change.value as number) + more,
});

/** O2: a reset leaves the generation as it is, so members commit what they pulled before it. */
export const resetsSilently: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) =>
      writes.some((write) => write.kind === "put" && isProgress(write.item))
        ? writes.filter((write) => write.kind !== "update" || !isGeneration(write.key))
        : writes,
  });

/** O4: a commit is answered and not stored. */
export const forgetsCommits: Sabotage = (items, random) => ({
  ...tamper(items, {}),
  transact: async (writes) => (isCommit(writes) && random.chance(0.05) ? { ok: true } : items.transact(writes)),
});

/** O1: every commit may go back. */
export const allowsRewinds: Plant = {
  broker: (broker) => ({
    ...broker,
    commitOffset: (group, topic, queueId, commit) => broker.commitOffset(group, topic, queueId, { ...commit, allowRewind: true }),
  }),
};

/** O2: whoever knows the generation may commit any queue. */
export const asksNoOwner: Plant = {
  broker: (broker) => ({
    ...broker,
    commitOffset: async (group, topic, queueId, commit) => {
      const { items } = await broker.listMembers(group, { limit: 1_000 });
      for (const { clientId } of items) {
        const answer = await broker
          .commitOffset(group, topic, queueId, { ...commit, ...(commit.clientId && { clientId }) })
          .catch(() => undefined);
        if (answer !== undefined) return answer;
      }
      return broker.commitOffset(group, topic, queueId, commit);
    },
  }),
};
