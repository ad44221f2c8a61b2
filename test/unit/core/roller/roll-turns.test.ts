import { expect, it } from "vitest";
import { rollQueues } from "../../../../core/roller/keep-rolling.ts";
import { RolledStore } from "./rolled-store.ts";

it("begins behind the topic that used up the pass before, and ends with it", async () => {
  const store = await RolledStore.open(1);
  const uids = new Map<string, string>([[store.topic.uid, "orders"]]);
  for (const name of ["invoices", "payments", "refunds"]) uids.set((await store.broker.putTopic(name, {})).topic.uid, name);
  const rolling = store.rolling();
  const turns: string[] = [];
  const items = new Proxy(rolling.items, {
    get(target, name) {
      const method = Reflect.get(target, name).bind(target) as (...given: unknown[]) => unknown;
      return (...given: unknown[]) => {
        const { pk } = given[0] as { readonly pk?: string };
        const topic = uids.get(/^a#([^#]+)#/.exec(pk ?? "")?.[1] ?? "");
        if (topic && turns.at(-1) !== topic) turns.push(topic);
        return method(...given);
      };
    },
  });
  const { signal } = new AbortController();
  expect(await rollQueues({ ...rolling, items }, signal, "orders")).toMatchObject({ endedAt: undefined });
  expect(turns).toEqual(["payments", "refunds", "invoices", "orders"]);
  turns.length = 0;
  await rollQueues({ ...rolling, items }, signal);
  expect(turns).toEqual(["invoices", "orders", "payments", "refunds"]);
});
