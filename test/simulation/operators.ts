import type { OffsetReset } from "../../core/admin/reset-offsets.ts";
import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { TopicSettings } from "../../core/requests.ts";
import type { Auditor } from "./audit/auditor.ts";
import { makeBriefly } from "./brief-topics.ts";
import { lookUp, lookUpAtLast } from "./lookups.ts";
import { pullOn } from "./puller.ts";
import { remake, remakeAtLast } from "./remade.ts";
import { sendAgain } from "./repeats.ts";
import { roll } from "./rollers.ts";
import type { OperatorName } from "./scenario.ts";
import { GROUP, TOPIC } from "./scenario.ts";
import { FILTERS } from "./scenarios.ts";
import { call, placed, type Stage } from "./stage.ts";
import { askTimes, askTimesAtLast } from "./time-searches.ts";
import type { World } from "./world.ts";

const CALL_MS = 15_000;
/** Longer than handlers cache groups and subscriptions. */
const KNOWN_MS = 5_000;
const QUEUES_MAX = 3;
/** Shorter and longer than the leaps of a history that lasts for days. */
const RETENTIONS_HOURS = [1, 6, 24, 72];

/** An operator's actions on the group, its topic or its store, while others send and receive. */
interface Actions {
  /** How many operators do it at once. */
  readonly actors: number;
  /** Acts for as long as messages are sent. */
  act(stage: Stage): Promise<void>;
  /** The last action, when nothing fails and nobody else acts: from then on the state is known. */
  end?(world: World, broker: RunningBroker, auditor: Auditor): Promise<void>;
}

export const OPERATORS: Readonly<Record<OperatorName, Actions>> = {
  resetOffsets: {
    actors: 2,
    async act(stage) {
      const { world, auditor } = stage;
      for (; await pause(stage, 1_500, 9_000); ) {
        const queueId = world.random.pick([undefined, 0]);
        const to = world.random.pick<OffsetReset["to"]>([
          "earliest",
          "latest",
          { offset: 0 },
          { timestampMs: world.nowMs - world.random.integer(0, 30_000) },
        ]);
        const reset = auditor.resets.started(queueId === undefined ? [0, 1] : [queueId], world.nowMs);
        const queues = await call(
          stage,
          (broker) => broker.resetOffsets(GROUP, { topic: TOPIC, queueId, to, dryRun: false }),
          CALL_MS,
        );
        if (queues !== "unknown") reset.answered(queues, world.nowMs);
      }
    },
    async end(world, broker, auditor) {
      const to = world.random.pick<OffsetReset["to"]>(["earliest", { timestampMs: world.nowMs - 220_000 }]);
      for (const { queueId, after } of await broker.resetOffsets(GROUP, { topic: TOPIC, to, dryRun: false }))
        auditor.restarted(queueId, after, world.nowMs);
    },
  },
  pause: {
    // With two who pause and resume, nobody could know the state.
    actors: 1,
    async act(stage) {
      const { world, auditor } = stage;
      for (; await pause(stage, 1_000, 8_000); ) {
        const paused = await call(stage, (broker) => broker.pauseGroup(GROUP), CALL_MS);
        if (paused !== "unknown") auditor.pauses.pauseAnswered(world.nowMs);
        await pause(stage, 1_000, 12_000);
        auditor.pauses.resumeStarted();
        const resumed = await call(stage, (broker) => broker.resumeGroup(GROUP), CALL_MS);
        if (resumed === "unknown") auditor.pauses.resumeUnknown();
      }
    },
    async end(world, broker, auditor) {
      auditor.pauses.resumeStarted();
      await broker.resumeGroup(GROUP);
      await world.sleep(KNOWN_MS);
    },
  },
  changeFilter: {
    actors: 2,
    async act(stage) {
      for (; await pause(stage, 500, 5_000); ) {
        const filter = stage.world.random.pick(FILTERS);
        await call(stage, (broker) => broker.putSubscription(GROUP, TOPIC, { filter }), CALL_MS);
      }
    },
    async end(world, broker, auditor) {
      const [filter] = FILTERS;
      await broker.putSubscription(GROUP, TOPIC, { filter });
      await world.sleep(KNOWN_MS);
      for (const [index, [tag, prefix]] of Object.entries({ both: "", first: "", second: "-:", neither: "-:" }).entries()) {
        const body = `${prefix}last.${index}`;
        auditor.sendStarted(body, world.nowMs);
        const [result] = await broker.sendMessages(TOPIC, [{ tag, body: new TextEncoder().encode(`${body}|`) }]);
        if (result && !BrokerError.is(result)) auditor.sendAcked({ ...placed(result), body }, world.nowMs);
      }
    },
  },
  changeQueues: {
    actors: 2,
    async act(stage) {
      const { random } = stage.world;
      for (; await pause(stage, 1_000, 10_000); ) {
        const count = random.integer(1, QUEUES_MAX);
        const change = random.pick<TopicSettings>([{ queues: count }, { writeQueues: count }, { readQueues: count }]);
        await call(stage, (broker) => broker.patchTopic(TOPIC, change), CALL_MS);
      }
    },
  },
  changeQueuesOften: {
    actors: 2,
    async act(stage) {
      for (; await pause(stage, 50, 400); ) {
        const queues = stage.world.random.integer(1, QUEUES_MAX);
        await call(stage, (broker) => broker.patchTopic(TOPIC, { queues }), CALL_MS);
      }
    },
  },
  damage: {
    actors: 1,
    async act(stage) {
      for (; await pause(stage, 100, 1_500); ) await stage.damageObject();
    },
  },
  pull: { actors: 2, act: pullOn },
  changeRetention: {
    actors: 1,
    async act(stage) {
      const { world, auditor } = stage;
      for (let changes = world.random.integer(0, 2); changes > 0 && (await pause(stage, 100, 2_000)); changes--) {
        const retentionHours = world.random.pick(RETENTIONS_HOURS);
        const change = auditor.retention.changeStarted(retentionHours, world.nowMs);
        const changed = await call(stage, (broker) => broker.patchTopic(TOPIC, { retentionHours }), CALL_MS);
        world.note(`retention of ${retentionHours} hours: ${changed === "unknown" ? "silence" : "done"}`);
        if (changed !== "unknown") change.answered(world.nowMs);
      }
    },
  },
  roll: { actors: 1, act: roll },
  repeat: { actors: 1, act: sendAgain },
  askTimes: { actors: 1, act: askTimes, end: askTimesAtLast },
  lookUp: { actors: 1, act: lookUp, end: lookUpAtLast },
  makeBriefly: { actors: 1, act: makeBriefly },
  remake: { actors: 1, act: remake, end: remakeAtLast },
  redrive: {
    actors: 4,
    async act(stage) {
      const { world } = stage;
      let jobId = "";
      for (; await pause(stage, 200, 3_000); ) {
        const choice = world.random.fraction();
        if (choice < 0.5) {
          const job = await call(
            stage,
            async (broker) => broker.redriveDeadLetters(GROUP, await selection(stage, broker)),
            CALL_MS,
          );
          if (job !== "unknown") jobId = job.jobId;
        } else if (choice < 0.7) await call(stage, (broker) => broker.resumeRedrive(GROUP, jobId), CALL_MS);
        else await call(stage, (broker) => broker.maintain({ untilMs: world.nowMs + 3_000 }), CALL_MS);
      }
    },
    end: endRedrives,
  },
  redriveAll: {
    actors: 1,
    async act(stage) {
      for (let more = await pause(stage, 4_000, 6_500); more; more = await pause(stage, 500, 1_000))
        await call(stage, (broker) => broker.redriveDeadLetters(GROUP, {}), CALL_MS);
    },
    end: endRedrives,
  },
};

async function endRedrives(world: World, broker: RunningBroker): Promise<void> {
  for (let complete = false; !complete; ) complete = (await broker.maintain({ untilMs: world.nowMs + 60_000 })).complete;
  await world.sleep(KNOWN_MS);
}

async function selection({ world }: Stage, broker: RunningBroker) {
  const { items } = await broker.listDeadLetters(GROUP, { limit: 10, maxBytes: 100_000 });
  return world.random.pick([
    {},
    { ratePerSecond: 5 },
    { filter: { type: "TAG", expression: "*" } as const },
    ...(items.length > 0 ? [{ ids: items.map(({ id }) => id) }] : []),
  ]);
}

/** False once the history is over. */
async function pause({ world, over }: Stage, leastMs: number, mostMs: number): Promise<boolean> {
  await world.sleep(world.random.integer(leastMs, mostMs));
  return !over();
}
