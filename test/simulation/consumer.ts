import { BrokerError } from "../../core/errors.ts";
import { RECEIVE_BYTES_MAX } from "../../core/limits.ts";
import type { ReceiveRequest } from "../../core/requests.ts";
import type { ReceivedMessage } from "../../core/terms.ts";
import { REMADE_TOPIC, receivedOfRemade } from "./remade.ts";
import { GROUP } from "./scenario.ts";
import { settle } from "./settling.ts";
import { type Consumer, SILENCE, type Stage, seenOf } from "./stage.ts";

const RECEIVE_MS = 8_000;
const TRIES_MAX = 3;
const ABORT_MS_MAX = 150;
const LONG_LEASE_MS = 12 * 3_600_000;
const OVERSLEPT_MS_MAX = 400;

/** The answer to one request. */
export interface Received {
  readonly messages: readonly ReceivedMessage[];
  readonly attemptId: string | undefined;
  readonly askedMs: number;
  /** How many messages it had room for. */
  readonly max: number;
}

export async function consume(stage: Stage, consumer: Consumer): Promise<void> {
  const { world, scenario } = stage;
  const { random } = world;
  const { consuming } = scenario;
  for (let turn = 0; !stage.over(); turn++) {
    const names = { new: `${consumer.name}-${turn}`, own: consumer.name, none: undefined };
    const received = await receive(stage, {
      max: random.pick(consuming.max),
      maxBytes: random.pick(consuming.maxBytes ?? [undefined]),
      waitMs: random.pick(consuming.waitMs),
      leaseMs: random.pick(stage.leapt !== undefined ? [...consuming.leaseMs, LONG_LEASE_MS] : consuming.leaseMs),
      attemptId: names[random.pick(consuming.attemptIds)],
    });
    if (received.messages.length === 0 && received.max > 0) stage.auditor.turns?.answered(received.askedMs, world.nowMs);
    const [ours, others] = split(received);
    if (ours.messages.length > 0) await Promise.all([work(stage, consumer, ours), receivedOfRemade(stage, others, ours.askedMs)]);
    else await receivedOfRemade(stage, others, ours.askedMs);
    const { everyMs, pauseMs } = consuming;
    await world.sleep(everyMs === undefined ? random.integer(5, pauseMs) : everyMs - (world.nowMs % everyMs));
  }
}

/** Separates the messages of a topic that only other actors watch. */
function split(received: Received): readonly [Received, readonly ReceivedMessage[]] {
  const messages = received.messages.filter(({ topic }) => topic !== REMADE_TOPIC);
  if (messages.length === received.messages.length) return [received, []];
  return [{ ...received, messages }, received.messages.filter(({ topic }) => topic === REMADE_TOPIC)];
}

/** Receives. Without an answer, it asks again under the same attempt id. At times it goes away in between. */
async function receive(stage: Stage, request: ReceiveRequest & { readonly leaseMs: number }): Promise<Received> {
  const { world, auditor, scenario } = stage;
  const { attemptId } = request;
  const askedMs = world.nowMs;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const triedMs = world.nowMs;
    const leaves =
      tries < TRIES_MAX - 1 && attemptId !== undefined && request.waitMs > 0 && world.random.chance(scenario.consuming.abort);
    const answer = await (leaves ? leaveEarly(stage, request) : askOnce(stage, request));
    const nowMs = world.nowMs;
    if (answer !== SILENCE && !BrokerError.is(answer)) {
      auditor.liveness?.answered(triedMs, nowMs);
      auditor.answered(
        answer.map(({ body }) => body.length),
        request.maxBytes ?? RECEIVE_BYTES_MAX,
      );
      return { messages: answer, attemptId, askedMs: attemptId === undefined ? triedMs : askedMs, max: request.max };
    }
    if (answer === SILENCE) {
      auditor.liveness?.unanswered(nowMs + request.waitMs + request.leaseMs);
      auditor.turns?.unanswered(nowMs + request.waitMs + request.leaseMs);
    }
    if (BrokerError.is(answer)) auditor.remade?.receiveRefused(GROUP, answer.code);
    if (answer !== SILENCE && answer.code === "TOO_MANY_REQUESTS") auditor.liveness?.refused(auditor.heldAt(nowMs), nowMs);
    if (attemptId === undefined) break;
  }
  return { messages: [], attemptId, askedMs, max: 0 };
}

const askOnce = (stage: Stage, request: ReceiveRequest, signal?: AbortSignal) =>
  stage.ask((broker) => broker.receiveMessages(GROUP, request, signal), RECEIVE_MS + request.waitMs);

/** The client closes its connection: the handler's answer reaches nobody. */
async function leaveEarly(stage: Stage, request: ReceiveRequest): Promise<typeof SILENCE> {
  const gone = new AbortController();
  stage.beside(askOnce(stage, request, gone.signal).then(() => undefined));
  await stage.world.sleep(stage.world.random.integer(1, ABORT_MS_MAX));
  stage.world.note(`whoever asked as ${request.attemptId} goes away`);
  gone.abort();
  return SILENCE;
}

async function work(stage: Stage, consumer: Consumer, received: Received): Promise<void> {
  const { world, auditor, scenario } = stage;
  const { random } = world;
  const { name, skewMs } = consumer;
  const { attemptId, askedMs } = received;
  const heldMs = world.nowMs;
  world.note(`${name} got ${received.messages.map((message) => told(message, heldMs)).join(" ")} as ${attemptId}`);
  auditor.deliver(
    received.messages.map((message) => {
      const untilMs = message.leaseUntilMs - skewMs;
      const delivery = {
        consumer: name,
        attemptId,
        leaseUntilMs: message.leaseUntilMs,
        attempt: message.attempt,
        untilMs,
        askedMs,
        nowMs: heldMs,
      };
      return { seen: seenOf(message), delivery };
    }),
  );
  if (received.messages.length < received.max) auditor.turns?.answered(askedMs, heldMs);
  // Messages that came too late are not held.
  const held = received.messages.filter((message) => heldMs + skewMs < message.leaseUntilMs);
  if (random.chance(scenario.consuming.die)) {
    for (const message of held) auditor.release(name, seenOf(message));
    return;
  }
  if (stage.leapt !== undefined && random.chance(scenario.consuming.oversleep ?? 0)) {
    const late = stage.leapt.then(() => world.sleep(random.integer(0, OVERSLEPT_MS_MAX)));
    return stage.beside(late.then(() => settle(stage, consumer, held, heldMs)));
  }
  const workMs = Math.floor(random.pick(scenario.consuming.workMs) * random.fraction());
  if (random.chance(scenario.consuming.beats)) await workWithBeats(stage, consumer, held, { heldMs, workMs });
  else if (scenario.consuming.shorten !== undefined && random.chance(scenario.consuming.shorten))
    await workUnderShorterLeases(stage, consumer, held, heldMs);
  else await world.sleep(workMs);
  await settle(stage, consumer, held, heldMs);
}

const told = (message: ReceivedMessage, nowMs: number): string =>
  `${message.topic}/${message.queueId}/${message.offset}#${message.attempt}+${message.leaseUntilMs - nowMs}`;

/** Works for longer than the lease, and extends it for some of its messages, by the handles that came with them. */
async function workWithBeats(
  stage: Stage,
  consumer: Consumer,
  held: readonly ReceivedMessage[],
  { heldMs, workMs }: { readonly heldMs: number; readonly workMs: number },
): Promise<void> {
  const { world } = stage;
  const kept = held.filter(() => world.random.chance(0.5));
  const [first] = kept;
  if (!first) return world.sleep(workMs);
  const leaseMs = Math.max(1_000, Math.floor(first.leaseUntilMs - consumer.skewMs - heldMs));
  for (let beats = world.random.integer(2, 4); beats > 0; beats--) {
    await world.sleep(Math.floor(leaseMs / 2));
    await settle(stage, consumer, kept, heldMs, () => ({ action: "extend", leaseMs }));
  }
}

/** Shortens leases of some of the messages, and goes on working until about their end, by the handles that came with them. */
async function workUnderShorterLeases(
  stage: Stage,
  consumer: Consumer,
  held: readonly ReceivedMessage[],
  heldMs: number,
): Promise<void> {
  const { world, scenario } = stage;
  const { random } = world;
  const chosen = new Set(held.filter(() => random.chance(0.6)));
  const leaseMs = random.pick([0, 500, 2_000, 8_000]);
  const countAttempt = random.chance(scenario.consuming.countAttempt);
  const wish = { action: "extend", leaseMs, mayShorten: true, countAttempt } as const;
  await settle(stage, consumer, held, heldMs, (message) => (chosen.has(message) ? wish : undefined));
  await world.sleep(Math.floor(leaseMs * 1.3 * random.fraction()));
}
