import { expect, test } from "vitest";
import { bytes, type ItemStoreFixture, returned, together } from "./fixture.ts";

export function testAtomicity({ store, partition }: ItemStoreFixture): void {
  test("of 100 creates at once one wins, and the others see it", async () => {
    const key = { pk: partition(), sk: "0" };
    const results = await together(100, (by) => store().put({ ...key, by }, { when: [{ op: "absent", name: "pk" }] }));
    const winners = results.flatMap((result, by) => (result.ok ? [by] : []));
    expect(winners).toHaveLength(1);
    const winner = { ...key, by: winners[0] };
    expect(await store().get(key)).toEqual(winner);
    for (const result of results) if (!result.ok) expect(result.current).toEqual(winner);
  });

  test("100 increments at once all count, each with its own answer", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, n: 0 });
    const results = await together(100, () =>
      store().update(key, [{ op: "increment", name: "n", by: 1 }], { returning: "allOld" }),
    );
    const seen = results.map((result) => returned(result).n as number).sort((a, b) => a - b);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(await store().get(key)).toMatchObject({ n: 100 });
  });

  test("50 appends at once are all kept, in the order their answers tell", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, f: [], n: 0 });
    const results = await together(50, (index) =>
      store().update(
        key,
        [
          { op: "append", name: "f", values: [bytes(index)] },
          { op: "increment", name: "n", by: 1 },
        ],
        { returning: "allOld" },
      ),
    );
    const frames = (await store().get(key))?.f as readonly Uint8Array[];
    expect(frames).toHaveLength(50);
    for (const [index, result] of results.entries()) expect(frames[returned(result).n as number]).toEqual(bytes(index));
  });

  test("compare-and-set at once: one wins each round", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, v: 0 });
    for (let round = 0; round < 5; round++) {
      const results = await together(20, () =>
        store().update(key, [{ op: "set", name: "v", value: round + 1 }], { when: [{ op: "=", name: "v", value: round }] }),
      );
      expect(results.filter((result) => result.ok)).toHaveLength(1);
    }
  });

  test("a read sees every write that was answered before it", async () => {
    const pk = partition();
    await together(20, async (index) => {
      const key = { pk, sk: String(index) };
      for (let round = 0; round < 5; round++) {
        await store().put({ ...key, round });
        expect((await store().get(key))?.round).toBe(round);
        expect((await store().query({ pk, from: key.sk, to: key.sk, limit: 1 })).items[0]?.round).toBe(round);
      }
    });
  });

  test("reads never go back in time", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, n: 0 });
    const ended = { writes: false };
    const writing = (async () => {
      for (let n = 0; n < 100; n++) await store().update(key, [{ op: "increment", name: "n", by: 1 }]);
      ended.writes = true;
    })();
    const reading = together(4, async () => {
      let newest = 0;
      while (!ended.writes) {
        const queried = (await store().query({ pk: key.pk, limit: 1 })).items[0]?.n as number;
        expect(queried).toBeGreaterThanOrEqual(newest);
        newest = (await store().get(key))?.n as number;
        expect(newest).toBeGreaterThanOrEqual(queried);
      }
    });
    await Promise.all([writing, reading]);
  });
}
