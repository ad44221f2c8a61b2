import { expect, test } from "vitest";
import { bytes, type ItemStoreFixture } from "./fixture.ts";

export function testValues({ store, partition }: ItemStoreFixture): void {
  test("every kind of attribute comes back as it was put", async () => {
    const item = {
      pk: partition(),
      sk: "0",
      text: "Grüße \u{1F680}",
      whole: 9_007_199_254_740_991,
      negative: -42,
      fraction: 0.1,
      tiny: 1e-7,
      large: 1.5e20,
      binary: bytes(0, 1, 128, 255),
      frames: [bytes(1), bytes(), bytes(2, 3)],
      words: new Set(["a", "é"]),
      numbers: new Set([0, 7, -3, 2.5, 4_294_967_296]),
    };
    await store().put(item);
    expect(await store().get(item)).toEqual(item);
  });

  test("empty text, empty bytes and an empty list are values", async () => {
    const item = { pk: partition(), sk: "0", text: "", binary: bytes(), frames: [] };
    await store().put(item);
    expect(await store().get(item)).toEqual(item);
  });

  test("bytes come back as plain bytes of their own length", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, binary: Buffer.from("abcdef").subarray(1, 3), frames: [Buffer.from("x")] });
    const item = await store().get(key);
    expect(item?.binary).toStrictEqual(bytes(98, 99));
    expect(item?.frames).toStrictEqual([bytes(120)]);
  });

  test("a 100 KB value", async () => {
    const key = { pk: partition(), sk: "0" };
    const binary = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
    await store().put({ ...key, binary });
    expect(Buffer.from((await store().get(key))?.binary as Uint8Array).equals(binary)).toBe(true);
  });

  test("an absent item is undefined", async () => {
    expect(await store().get({ pk: partition(), sk: "none" })).toBeUndefined();
  });

  test("keys that only differ in where pk ends are two items", async () => {
    const pk = partition();
    await store().put({ pk: `${pk}a`, sk: "b", n: 1 });
    await store().put({ pk, sk: "ab", n: 2 });
    expect(await store().get({ pk: `${pk}a`, sk: "b" })).toMatchObject({ n: 1 });
    expect(await store().get({ pk, sk: "ab" })).toMatchObject({ n: 2 });
  });

  test("a put replaces the whole item; a delete removes it", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, a: 1, b: 2 });
    await store().put({ ...key, b: 3 });
    expect(await store().get(key)).toEqual({ ...key, b: 3 });
    expect(await store().delete(key)).toMatchObject({ ok: true });
    expect(await store().get(key)).toBeUndefined();
    expect(await store().delete(key)).toMatchObject({ ok: true });
  });

  test("batchGet answers in the order of the keys, with gaps", async () => {
    const pk = partition();
    await Promise.all(["c", "a", "e"].map((sk) => store().put({ pk, sk, n: sk })));
    const items = await store().batchGet(["e", "d", "c", "b", "a"].map((sk) => ({ pk, sk })));
    expect(items.map((item) => item?.n)).toEqual(["e", undefined, "c", undefined, "a"]);
    expect(await store().batchGet([])).toEqual([]);
  });

  test("what is passed in may be changed afterwards", async () => {
    const key = { pk: partition(), sk: "0" };
    const binary = bytes(1, 2);
    const frame = bytes(3);
    const words = new Set(["a"]);
    const frames = [frame];
    const put = store().put({ ...key, binary, frames, words });
    binary[0] = 9;
    frame[0] = 9;
    words.add("b");
    frames.push(bytes(4));
    await put;
    expect(await store().get(key)).toEqual({ ...key, binary: bytes(1, 2), frames: [bytes(3)], words: new Set(["a"]) });

    const appended = bytes(5);
    const update = store().update(key, [
      { op: "append", name: "frames", values: [appended] },
      { op: "set", name: "binary", value: binary },
    ]);
    appended[0] = 0;
    binary[1] = 0;
    await update;
    expect(await store().get(key)).toMatchObject({ frames: [bytes(3), bytes(5)], binary: bytes(9, 2) });
  });

  test("what was handed out does not change with the item", async () => {
    const key = { pk: partition(), sk: "0" };
    await store().put({ ...key, n: 1, words: new Set(["a"]), frames: [bytes(1)] });
    const before = await store().get(key);
    await store().update(key, [
      { op: "increment", name: "n", by: 1 },
      { op: "addToSet", name: "words", values: new Set(["b"]) },
      { op: "append", name: "frames", values: [bytes(2)] },
    ]);
    expect(before).toEqual({ ...key, n: 1, words: new Set(["a"]), frames: [bytes(1)] });
  });
}
