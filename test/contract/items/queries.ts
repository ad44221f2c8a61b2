import { expect, test } from "vitest";
import type { Query } from "../../../core/ports/item-store.ts";
import { type ItemStoreFixture, together } from "./fixture.ts";

export function testQueries({ store, partition }: ItemStoreFixture): void {
  const filled = async (sks: readonly string[]): Promise<string> => {
    const pk = partition();
    await Promise.all(sks.map((sk) => store().put({ pk, sk })));
    return pk;
  };
  const sksOf = async (query: Query): Promise<string[]> => (await store().query(query)).items.map((item) => item.sk);
  const digits = Array.from({ length: 10 }, (_, index) => `k${index}`);

  test("answers one partition, ascending, whole items", async () => {
    const pk = partition();
    for (const sk of ["b", "c", "a"]) await store().put({ pk, sk, n: 1 });
    for (const near of [`${pk}a`, `${pk}\u0001`, pk.slice(0, -1)]) await store().put({ pk: near, sk: "a" });
    expect(await store().query({ pk, limit: 10 })).toEqual({
      items: ["a", "b", "c"].map((sk) => ({ pk, sk, n: 1 })),
      more: false,
    });
    expect(await store().query({ pk: partition(), limit: 10 })).toEqual({ items: [], more: false });
  });

  test("bounds are inclusive, need not exist, and may leave nothing", async () => {
    const pk = await filled(digits);
    expect(await sksOf({ pk, from: "k3", to: "k6", limit: 10 })).toEqual(["k3", "k4", "k5", "k6"]);
    expect(await sksOf({ pk, from: "k7", limit: 10 })).toEqual(["k7", "k8", "k9"]);
    expect(await sksOf({ pk, to: "k1", limit: 10 })).toEqual(["k0", "k1"]);
    expect(await sksOf({ pk, from: "k31", to: "k49", limit: 10 })).toEqual(["k4"]);
    expect(await sksOf({ pk, from: "k31", to: "k32", limit: 10 })).toEqual([]);
    expect(await sksOf({ pk, from: "k6", to: "k3", limit: 10 })).toEqual([]);
    expect(await sksOf({ pk, from: "k4\u0000", to: "k5\u{10FFFF}", limit: 10 })).toEqual(["k5"]);
  });

  test("descending, from the upper bound down", async () => {
    const pk = await filled(digits);
    expect(await sksOf({ pk, reverse: true, limit: 3 })).toEqual(["k9", "k8", "k7"]);
    expect(await sksOf({ pk, reverse: true, from: "k2", to: "k4", limit: 10 })).toEqual(["k4", "k3", "k2"]);
    expect(await sksOf({ pk, reverse: true, to: "k55", limit: 1 })).toEqual(["k5"]);
  });

  test("a page that the limit ends says there may be more", async () => {
    const pk = await filled(digits);
    expect(await store().query({ pk, limit: 3 })).toMatchObject({ items: { length: 3 }, more: true });
    expect(await store().query({ pk, limit: 11 })).toMatchObject({ items: { length: 10 }, more: false });
    expect(await store().query({ pk, reverse: true, from: "k8", limit: 3 })).toMatchObject({ items: { length: 2 }, more: false });
  });

  test("sorts as UTF-8", async () => {
    const sorted = ["\u0001", "Z", "a", "a\u0000", "aa", "~", "é", "\uD7FF", "\uFFFD", "\u{1F600}"];
    const pk = await filled([...sorted].reverse());
    expect(await sksOf({ pk, limit: 20 })).toEqual(sorted);
    expect(await sksOf({ pk, limit: 20, reverse: true })).toEqual([...sorted].reverse());
    expect(await sksOf({ pk, from: "é", to: "\uFFFD", limit: 20 })).toEqual(["é", "\uD7FF", "\uFFFD"]);
    expect(await sksOf({ pk, from: "\uFFFD", to: "\u{1F600}", limit: 20 })).toEqual(["\uFFFD", "\u{1F600}"]);
  });

  test("a page ends at 1 MB, and reading on from its last item misses nothing", async () => {
    const pk = partition();
    await together(8, (index) => store().put({ pk, sk: String(index), d: new Uint8Array(300_000).fill(index) }));
    const seen: string[] = [];
    let pages = 0;
    for (let from = "0", more = true; more; pages++) {
      const page = await store().query({ pk, from, limit: 100 });
      expect(page.items.length).toBeLessThanOrEqual(4);
      seen.push(...page.items.map((item) => item.sk));
      from = `${seen.at(-1)}\u0000`;
      more = page.more;
    }
    expect(seen).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
    expect(pages).toBeGreaterThan(1);
    expect(await store().query({ pk, limit: 100, reverse: true })).toMatchObject({
      items: [{ sk: "7" }, { sk: "6" }, { sk: "5" }],
      more: true,
    });
  });

  test("a thousand items, and the query after a delete", async () => {
    const pk = partition();
    const sk = (index: number) => String(index).padStart(20, "0");
    for (let hundred = 0; hundred < 10; hundred++) {
      await store().transact(
        Array.from(
          { length: 100 },
          (_, index) => ({ kind: "put", item: { pk, sk: sk(100 * hundred + index), n: index } }) as const,
        ),
      );
    }
    expect((await store().query({ pk, limit: 2_000 })).items.map((item) => item.sk)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => sk(index)),
    );
    await store().delete({ pk, sk: sk(999) });
    expect(await sksOf({ pk, reverse: true, limit: 1 })).toEqual([sk(998)]);
  });

  test("long pages while writes go on and come to an end", async () => {
    const pk = partition();
    const sks = Array.from({ length: 600 }, (_, index) => String(index).padStart(3, "0"));
    await Promise.all(sks.map((sk) => store().put({ pk, sk })));
    await together(8, async (caller) => {
      for (let round = 0; round < 10; round++) {
        if (caller % 2 === 0) await store().put({ pk: `${pk}-other`, sk: String(caller), round });
        else expect(await sksOf({ pk, limit: 1_000 })).toEqual(sks);
      }
    });
  });

  test("eventually consistent reads answer in the same form", async () => {
    const pk = await filled(["a"]);
    const { items, more } = await store().query({ pk, limit: 5, consistent: false });
    expect(items.every((item) => item.pk === pk)).toBe(true);
    expect(more).toBe(false);
    expect(await store().batchGet([{ pk, sk: "none" }], { consistent: false })).toEqual([undefined]);
  });
}
