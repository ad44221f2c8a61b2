import { TOPICS_PK } from "../../core/keys.ts";
import type { Item } from "../../core/ports/item-store.ts";
import { type Plant, type Sabotage, tamper } from "./sabotage.ts";
import { GROUP } from "./scenario.ts";

/** Bugs of things that are deleted and made anew under their names: R. */

/** A thing that is made under an earlier name gets the uid of the earlier one. */
const reusesUids =
  (isOne: (item: Item) => boolean, nameOf: (item: Item) => string): Sabotage =>
  (items) => {
    const first = new Map<string, unknown>();
    const asBefore = (item: Item): Item => {
      if (!isOne(item)) return item;
      const name = nameOf(item);
      if (!first.has(name)) first.set(name, item.u);
      return { ...item, u: first.get(name) as string };
    };
    return tamper(items, {
      transact: (writes) => writes.map((write) => (write.kind === "put" ? { ...write, item: asBefore(write.item) } : write)),
    });
  };

const bySk = ({ sk }: Item): string => sk;

/** R: a topic that is made anew has the log of the earlier one. */
export const reusesTopics = reusesUids(({ pk }) => pk === TOPICS_PK, bySk);

/** R: a group that is made anew accepts any handle. */
export const acceptsOldHandles: Plant = {
  broker: (broker) => ({
    ...broker,
    async settleMessages(group, entries) {
      const results = await broker.settleMessages(group, entries);
      return group === GROUP
        ? results
        : results.map((result) =>
            result.status === "error" ? { status: "acked", receiptHandle: result.receiptHandle } : result,
          );
    },
  }),
};

/** R: a subscription that is made anew continues where the earlier one was. */
export const reusesProgress = reusesUids(
  ({ pk }) => pk.startsWith("sub#"),
  ({ gr, sk }) => `${gr as string}/${sk}`,
);
