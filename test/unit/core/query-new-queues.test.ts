import { beforeEach, describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const PAGE = { limit: 64, maxBytes: 1 << 20 };
const body = Buffer.from("x");

describe("a process that has just looked at a topic", () => {
  let operator: RunningBroker;
  let reader: RunningBroker;

  beforeEach(async () => {
    const table = brokerOverTable();
    [operator, reader] = [await table.process(), await table.process()];
    await operator.putTopic("orders", { queues: 1 });
    await reader.queryMessages("orders", PAGE);
  });

  const send = async (): Promise<string> => {
    const [receipt] = await operator.sendMessages("orders", [{ body, keys: ["7"] }]);
    if (!receipt || !("messageId" in receipt)) throw new Error("not sent");
    return receipt.messageId;
  };

  const expectFound = async (messageIds: readonly string[]): Promise<void> => {
    for (const query of [PAGE, { ...PAGE, key: "7" }]) {
      const { items } = await reader.queryMessages("orders", query);
      expect(new Set(items.map(({ messageId }) => messageId))).toEqual(new Set(messageIds));
    }
    for (const messageId of messageIds)
      expect(await reader.getMessage(messageId, { limit: 1 })).toMatchObject({ message: { messageId } });
  };

  it("finds what another one sends to queues that it adds", async () => {
    await operator.putTopic("orders", { queues: 8 });
    const messageIds: string[] = [];
    for (let sent = 0; sent < 20; sent++) messageIds.push(await send());
    await expectFound(messageIds);
  });

  it("finds what another one sends to a new topic of the name", async () => {
    await operator.deleteTopic("orders", { dryRun: false });
    await operator.putTopic("orders", { queues: 1 });
    await expectFound([await send()]);
  });
});
