import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { StoredMessage } from "../../core/terms.ts";
import type { Auditor } from "./audit/auditor.ts";
import { TOPIC } from "./scenario.ts";
import { SILENCE, type Stage } from "./stage.ts";
import type { World } from "./world.ts";

const CALL_MS = 15_000;
const LOOKUPS_AT_LAST = 6;
const QUEUES = [0, 1];
const PAGE = { limit: 64, maxBytes: 1_000_000 };

type Ask = <T>(verb: (broker: RunningBroker) => Promise<T>) => Promise<T | BrokerError | typeof SILENCE>;

/** Looks messages up by key and by id, while they are sent, rolled and dropped, and their keys are merged. */
export async function lookUp(stage: Stage): Promise<void> {
  const { world } = stage;
  const [, most] = stage.scenario.sending.pauseMs;
  for (;;) {
    await world.sleep(world.random.integer(50, most));
    if (stage.over()) return;
    await lookUpOne(world, stage.auditor, (verb) => stage.ask(verb, CALL_MS));
  }
}

export async function lookUpAtLast(world: World, broker: RunningBroker, auditor: Auditor): Promise<void> {
  for (let lookups = LOOKUPS_AT_LAST; lookups > 0; lookups--) await lookUpOne(world, auditor, (verb) => verb(broker));
}

async function lookUpOne(world: World, auditor: Auditor, ask: Ask): Promise<void> {
  const { random } = world;
  const before = auditor.lookable(QUEUES, world.nowMs + 4 * CALL_MS);
  if (before.length === 0) return;
  const { messageId, keys } = random.pick(before);
  if (keys.length > 0 && random.chance(0.6)) {
    const key = random.pick(keys);
    const found = await everyPage(ask, key);
    if (found) auditor.keyAnswered(key, found, before, world.nowMs);
    return;
  }
  const answer = await ask((broker) => broker.getMessage(messageId, { limit: 1 }));
  if (answer === SILENCE || (BrokerError.is(answer) && !NOT_THERE.has(answer.code))) return;
  auditor.idAnswered(messageId, BrokerError.is(answer) ? undefined : answer.message, before, world.nowMs);
}

const NOT_THERE: ReadonlySet<string> = new Set(["MESSAGE_NOT_FOUND", "MESSAGE_EXPIRED"]);

/** `undefined`: one of the pages was not answered. */
async function everyPage(ask: Ask, key: string): Promise<readonly StoredMessage[] | undefined> {
  const found: StoredMessage[] = [];
  for (let after: string | undefined; ; ) {
    const from = after;
    const page = await ask((broker) => broker.queryMessages(TOPIC, { ...PAGE, key, after: from }));
    if (page === SILENCE || BrokerError.is(page)) return undefined;
    found.push(...page.items);
    after = page.next;
    if (after === undefined) return found;
  }
}
