import { expect, it } from "vitest";
import { AnswerTurns } from "../../functions/grpc/answer-turns.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("writes the first answers at once, and the others some at a time, in their order", async () => {
  const turns = new AnswerTurns();
  const written: number[] = [];
  const all = Promise.all(Array.from({ length: 20 }, (_, index) => turns.run(() => void written.push(index))));
  const counts: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    counts.push(written.length);
    await nextTurn();
  }
  expect(counts).toEqual([8, 16, 20, 20]);
  await all;
  expect(written).toEqual(Array.from({ length: 20 }, (_, index) => index));
  await nextTurn();
  void turns.run(() => void written.push(20));
  expect(written.at(-1)).toBe(20);
});
