import { type Metered, MeteredStage } from "./metered-stage.ts";
import { bodiesOf, GROUP, type Operation, receive, send, TOPIC } from "./operation.ts";
import { COLD, OPERATIONS } from "./operations.ts";

/** One line of the ledger. */
export interface LedgerRow extends Metered {
  readonly operation: string;
  /** warm: done a moment ago · idle: done a minute ago · cold: the first act of a new process · or what happens at the same time. */
  readonly state: string;
  readonly messages: number;
}

const IDLE_MS = 60_000;
/** After this time a sender chooses its queue anew. */
const TAIL_FORGOTTEN_MS = 2_000;
const RECEIVERS = 50;
const SENDERS = 8;
const ROUNDS = 20;

/** Every operation in every state, always with the same figures. */
export async function measureLedger(): Promise<readonly LedgerRow[]> {
  const rows: LedgerRow[] = [await startOfAHandler()];
  for (const operation of OPERATIONS) {
    for (const state of ["warm", "idle", "cold"] as const) {
      const stage = new MeteredStage();
      const metered = await stage.play(() => measured(stage, operation, state));
      rows.push({ operation: operation.name, state, messages: operation.messages, ...metered });
    }
  }
  for (const operation of COLD) {
    const stage = new MeteredStage();
    const metered = await stage.play(() => measured(stage, operation, "cold"));
    rows.push({ operation: operation.name, state: "cold", messages: operation.messages, ...metered });
  }
  rows.push(await crowdedSends(), await crowdedReceives());
  return rows;
}

/** What exists before an operation. */
type Scene = Pick<Operation, "queues" | "messageGroups" | "group" | "topicType">;

export async function setUp(stage: MeteredStage, { queues, messageGroups, group = {}, topicType }: Scene) {
  const broker = await stage.startHandler();
  await broker.putTopic(TOPIC, { queues, type: topicType ?? (messageGroups === undefined ? "NORMAL" : "FIFO") });
  await broker.putGroup(GROUP, group);
  // A queue's very first message also makes its anchor. Only later ones are measured.
  for (let written = 0; written < queues; ) {
    await send(broker, bodiesOf("JSON", 1), messageGroups);
    await stage.pass(TAIL_FORGOTTEN_MS);
    written = (await broker.topicQueues(TOPIC)).filter(({ maxOffset }) => maxOffset > 0).length;
  }
  await broker.putSubscription(GROUP, TOPIC, { startFrom: "latest" });
  return broker;
}

async function measured(stage: MeteredStage, operation: Operation, state: "warm" | "idle" | "cold"): Promise<Metered> {
  const other = await setUp(stage, operation);
  let broker = await stage.startHandler();
  const prepared = () =>
    operation.prepare(
      other,
      broker,
      (ms) => stage.pass(ms),
      () => stage.nowMs(),
    );
  // One unmeasured run fills the caches of a warm process.
  const before = operation.once ? undefined : await prepared();
  const run = await prepared();
  await before?.(broker);
  if (state === "idle") await stage.pass(IDLE_MS);
  if (state === "cold") broker = await stage.startHandler();
  return stage.meter(() => run(broker), operation.waitMs);
}

async function startOfAHandler(): Promise<LedgerRow> {
  const stage = new MeteredStage();
  const metered = await stage.play(async () => {
    await setUp(stage, { queues: 1 });
    return stage.meter(() => stage.startHandler());
  });
  return { operation: "start of a process", state: "cold", messages: 1, ...metered };
}

/** Processes that send single messages to one topic as fast as they can. */
async function crowdedSends(senders = SENDERS): Promise<LedgerRow> {
  const stage = new MeteredStage();
  const metered = await stage.play(async () => {
    await setUp(stage, { queues: 4 });
    const handlers = await Promise.all(Array.from({ length: senders }, () => stage.startHandler()));
    const [body] = bodiesOf("random", 1);
    const work = async (broker: (typeof handlers)[number]): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        await send(broker, body ? [body] : []);
        await stage.pass(stage.thinkingMs());
      }
    };
    stage.crowded = true;
    await Promise.all(handlers.map(work));
    return stage.meter(() => Promise.all(handlers.map(work)));
  });
  const operation = "send 1 × 1000 B of random bytes";
  return { operation, state: `${senders} processes at once, 4 queues`, messages: senders * ROUNDS, ...metered };
}

/** Processes that receive from one queue with a backlog, all at the same moment. */
async function crowdedReceives(): Promise<LedgerRow> {
  const stage = new MeteredStage();
  const metered = await stage.play(async () => {
    const sender = await setUp(stage, { queues: 1 });
    const bodies = bodiesOf("random", 100, 100);
    for (let sent = 0; sent < 4 * RECEIVERS * 10; sent += bodies.length) await send(sender, bodies);
    const handlers = await Promise.all(Array.from({ length: RECEIVERS }, () => stage.startHandler()));
    stage.crowded = true;
    return stage.meter(() => Promise.all(handlers.map((broker) => receive(broker, 10))));
  });
  return { operation: "receive 10", state: `${RECEIVERS} processes at once, 1 queue`, messages: RECEIVERS * 10, ...metered };
}
