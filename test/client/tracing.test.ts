import { AsyncLocalStorage } from "node:async_hooks";
import { expect, it } from "vitest";
import { eventually, type Wired, wired } from "./wire.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function traced(): Promise<Wired & { readonly spans: string[]; readonly current: AsyncLocalStorage<string> }> {
  const spans: string[] = [];
  const current = new AsyncLocalStorage<string>();
  const world = await wired({
    inject: (properties) => {
      properties.traceparent = TRACEPARENT;
    },
    around: async (message, handle) => {
      spans.push(`begin ${message.properties.traceparent}`);
      try {
        await current.run(message.properties.traceparent as string, handle);
        spans.push("end");
      } catch (error) {
        spans.push(`failed ${(error as Error).message}`);
        throw error;
      }
    },
  });
  await world.apogee.topic("t").put({ queues: 1 });
  await world.apogee.group("g").put({ backoff: [0] });
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return Object.assign(world, { spans, current });
}

it("writes a trace to each message, and continues it around the handler", async () => {
  await using world = await traced();
  const topic = world.apogee.topic("t");
  await topic.send("a", { properties: { region: "EU" } });
  await topic.sendBatch([{ body: "b" }]);
  await topic.producer().send("c");
  const seen: unknown[] = [];
  await using _ = world.apogee.consumer("g").run((message) => {
    seen.push([message.text(), message.properties, world.current.getStore()]);
  });
  await eventually(() => expect(seen).toHaveLength(3));
  expect(seen).toEqual([
    ["a", { region: "EU", traceparent: TRACEPARENT }, TRACEPARENT],
    ["b", { traceparent: TRACEPARENT }, TRACEPARENT],
    ["c", { traceparent: TRACEPARENT }, TRACEPARENT],
  ]);
  await eventually(() => expect(world.spans).toHaveLength(6));
  expect(world.spans.filter((span) => span === "end")).toHaveLength(3);
  expect(world.spans.filter((span) => span === `begin ${TRACEPARENT}`)).toHaveLength(3);
});

it("shows a failed handler to the span, and gives the message back", async () => {
  await using world = await traced();
  await world.apogee.topic("t").send("a");
  await using _ = world.apogee.consumer("g").run(({ attempt }) => {
    if (attempt === 1) throw new Error("not yet");
  });
  await eventually(() => expect(world.spans).toEqual([`begin ${TRACEPARENT}`, "failed not yet", `begin ${TRACEPARENT}`, "end"]));
});
