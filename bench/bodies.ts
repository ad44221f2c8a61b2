import { SeededRandom } from "../test/support/seeded-random.ts";

/** `count` JSON texts of exactly `bytes` bytes, all different, and the same in each run. */
export const jsonBodies = (count: number, bytes: number): readonly string[] => {
  const random = new SeededRandom(1);
  return Array.from({ length: count }, (_, index) => {
    let text = `{"orderId":${index},"customer":"c-${random.integer(1, 99_999)}","items":[`;
    while (text.length < bytes) {
      text += `{"sku":"${random.fraction().toString(36).slice(2, 10)}","quantity":${random.integer(1, 9)},"priceCents":${random.integer(99, 99_999)}},`;
    }
    return text.slice(0, bytes);
  });
};
