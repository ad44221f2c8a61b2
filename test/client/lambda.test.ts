import { expect, it, vi } from "vitest";
import { lambdaHandler, type PushedBatch } from "../../client/index.ts";

const batch = (...messages: readonly (readonly [id: string, messageGroup?: string])[]): PushedBatch => ({
  messages: messages.map(([messageId, messageGroup = null], at) => ({
    messageId,
    topic: "t",
    queueId: 0,
    offset: `${at}`,
    tag: null,
    keys: [],
    properties: {},
    messageGroup,
    bornAt: "2027-01-15T08:00:00.000Z",
    storedAt: "2027-01-15T08:00:00.000Z",
    body: JSON.stringify({ id: messageId }),
    bodyEncoding: "utf8",
  })),
});

it("says which messages failed, and fails unseen those behind them in their group", async () => {
  const silent = vi.spyOn(console, "error").mockReturnValue();
  const seen: string[] = [];
  const handler = lambdaHandler(async (message) => {
    seen.push(message.messageId);
    await Promise.resolve();
    if (["a2", "x"].includes(message.messageId)) throw new Error("no");
  });
  const response = await handler(batch(["a1", "a"], ["x"], ["a2", "a"], ["b1", "b"], ["a3", "a"], ["y"]));
  silent.mockRestore();
  expect(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).sort()).toEqual(["a2", "a3", "x"]);
  expect(seen.sort()).toEqual(["a1", "a2", "b1", "x", "y"]);
});

it("handles groups side by side, and the messages of one after the other", async () => {
  const atWork = new Set<string | null>();
  let most = 0;
  const handler = lambdaHandler(async (message) => {
    expect(atWork.has(message.messageGroup)).toBe(false);
    atWork.add(message.messageGroup);
    most = Math.max(most, atWork.size);
    await new Promise((resolve) => setTimeout(resolve, 1));
    atWork.delete(message.messageGroup);
    expect(message.json()).toEqual({ id: message.messageId });
  });
  expect(await handler(batch(["a1", "a"], ["a2", "a"], ["b1", "b"], ["b2", "b"]))).toEqual({ batchItemFailures: [] });
  expect(most).toBe(2);
});
