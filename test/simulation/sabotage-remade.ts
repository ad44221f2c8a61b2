import { TOPICS_PK } from "../../core/keys.ts";
import type { Item } from "../../core/ports/item-store.ts";
import { type Plant, type Sabotage, tamper } from "./sabotage.ts";
import { GROUP } from "./scenario.ts";

/** Bugs of what is deleted and made anew under its name: R. */

/** Whatever is made under a name that was there before is taken for what was there. */
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

/** R: a topic that is made anew has the log of the one before. */
export const reusesTopics = reusesUids(({ pk }) => pk === TOPICS_PK, bySk);

/** R: a group that is made anew takes any handle for its own. */
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

/** R: a subscription that is made anew goes on where the one before was. */
export const reusesProgress = reusesUids(
  ({ pk }) => pk.startsWith("sub#"),
  ({ gr, sk }) => `${gr as string}/${sk}`,
);
