import { BrokerError } from "../../../core/errors.ts";
import { SILENCE } from "../stage.ts";
import type { Attempt } from "./offset-auditor.ts";
import { GROUP, pause, type Stage, TOPIC, told } from "./stage.ts";

/** What a consumer has pulled of a queue: `from` is where the group was, `next` what it pulls next. */
interface Position {
  readonly from: number;
  next: number;
}

interface Membership {
  readonly generation: number;
  readonly heardMs: number;
  readonly positions: Map<number, Position>;
}

/** Longer than the lease of a member. */
const STALL_MS = 200_000;

/**
 * A member of the group: heartbeats, reads where the queues are that it hears are its own, pulls and commits them. At times it stalls
 * between any two steps and goes on as if nothing had happened; dies and comes back without its memory; or leaves.
 */
export async function pullAsMember(stage: Stage, clientId: string): Promise<void> {
  const { random } = stage.world;
  let membership: Membership | undefined;
  let beatMs = 0;
  while (await pause(stage, 50, 3_000)) {
    if (random.chance(0.01)) await pause(stage, 20_000, STALL_MS);
    if (random.chance(0.01)) {
      membership = undefined;
      await pause(stage, 1_000, random.pick([5_000, STALL_MS]));
    }
    if (random.chance(0.005)) {
      await stage.ask((broker) => broker.removeMember(GROUP, clientId));
      membership = undefined;
      await pause(stage, 1_000, 60_000);
    }
    if (!membership || stage.world.nowMs - beatMs > 30_000) {
      beatMs = stage.world.nowMs;
      membership = await beat(stage, clientId, membership);
    }
    if (!membership || membership.positions.size === 0) continue;
    const queueId = random.pick([...membership.positions.keys()]);
    const position = membership.positions.get(queueId) as Position;
    await pull(stage, queueId, position);
    if (random.chance(0.02)) await pause(stage, 20_000, STALL_MS);
    if (!random.chance(0.6)) continue;
    const outcome = await commit(stage, attemptOf(stage, clientId, membership, queueId));
    if (outcome === "again") membership = undefined;
  }
}

async function beat(stage: Stage, clientId: string, before: Membership | undefined): Promise<Membership | undefined> {
  const heartbeat = await told(stage, (broker) => broker.heartbeat(GROUP, clientId, {}));
  if (!heartbeat) return before;
  const { generation, assignment } = heartbeat;
  stage.auditor.heard(generation);
  if (before?.generation === generation) return before;
  const heardMs = stage.world.nowMs;
  const positions = new Map<number, Position>();
  for (const { queueId } of assignment) {
    const position = await readPosition(stage, queueId);
    if (position) positions.set(queueId, position);
  }
  return { generation, heardMs, positions };
}

async function readPosition(stage: Stage, queueId: number): Promise<Position | undefined> {
  const askedMs = stage.world.nowMs;
  const found = await told(stage, (broker) => broker.committedOffset(GROUP, TOPIC, queueId));
  if (!found) return undefined;
  stage.auditor.read(queueId, found.offset, askedMs);
  return { from: found.offset, next: found.offset };
}

async function pull(stage: Stage, queueId: number, position: Position): Promise<void> {
  const request = { from: { offset: position.next }, limit: stage.world.random.pick([1, 3, 32]), maxBytes: 100_000, waitMs: 0 };
  const result = await told(stage, (broker) => broker.pullMessages(TOPIC, queueId, request));
  if (result && result.status !== "OFFSET_ILLEGAL") position.next = result.nextOffset;
}

function attemptOf(stage: Stage, by: string, { generation, heardMs, positions }: Membership, queueId: number): Attempt {
  const { random } = stage.world;
  const { from, next } = positions.get(queueId) as Position;
  const common = { by, generation, heardMs, allowRewind: false, foreign: false };
  const others = Array.from({ length: stage.queues }, (_, id) => id).filter((id) => !positions.has(id));
  // A member whose positions could not all be read does not know all that is its own.
  if (random.chance(0.02) && others.length > 1)
    return { ...common, by: "x", queueId: random.pick(others), offset: next, from, foreign: true };
  if (random.chance(0.05)) return { ...common, queueId, offset: random.integer(0, next), from, allowRewind: true };
  return { ...common, queueId, offset: random.chance(0.1) ? random.integer(from, next) : next, from };
}

/** "again": it has to hear anew what is its own, and where that is. */
async function commit(stage: Stage, attempt: Attempt): Promise<"done" | "again"> {
  const { random } = stage.world;
  const { by: clientId, queueId, offset, generation, allowRewind } = attempt;
  const request = { offset, allowRewind, ...(generation !== undefined && { clientId, generation }) };
  const tried = stage.auditor.tries(attempt);
  for (let tries = 0; tries < 4; tries++) {
    const askedMs = stage.world.nowMs;
    const answer = await stage.ask((broker) => broker.commitOffset(GROUP, TOPIC, queueId, request));
    if (answer === SILENCE) tried.givenUp();
    else if (!BrokerError.is(answer)) {
      tried.answered(askedMs);
      return allowRewind ? "again" : "done";
    } else if (!answer.retryable) {
      // An earlier request for the same may be under way in the store.
      if (tries === 0) tried.refused();
      if (answer.code === "STALE_GENERATION") stage.auditor.met.stale++;
      else if (answer.code === "PRECONDITION_FAILED") stage.auditor.met.backwards++;
      else stage.auditor.violations.add("E", `a commit is refused with ${answer.code}: ${answer.message}`);
      return "again";
    }
    await pause(stage, 10, random.pick([500, 5_000, 30_000]));
  }
  return "again";
}

/** Pulls without heartbeats, and commits as no member, which is refused while there are members. */
export async function pullAsNobody(stage: Stage): Promise<void> {
  const { random } = stage.world;
  while (await pause(stage, 500, 20_000)) {
    const queueId = random.integer(0, stage.queues - 1);
    const heardMs = stage.world.nowMs;
    const position = await readPosition(stage, queueId);
    if (!position) continue;
    await pull(stage, queueId, position);
    await pause(stage, 0, random.pick([200, 30_000]));
    const { from, next } = position;
    await commit(stage, {
      by: "nobody",
      queueId,
      offset: next,
      from,
      generation: undefined,
      heardMs,
      allowRewind: false,
      foreign: false,
    });
  }
}
