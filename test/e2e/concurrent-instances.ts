import { setTimeout as sleep } from "node:timers/promises";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import { audit } from "../crash/audit.ts";
import { countKinds, createTopicAndGroups, describe, pullEverything } from "../crash/crash-run.ts";
import type { HistoryEvent } from "../crash/history.ts";
import { drain, GROUPS, runLoad } from "../crash/workload.ts";
import { type DeployedApi, httpServerOf } from "./deployed-api.ts";

const LOAD_MS = 20_000;
const VIOLATIONS_SHOWN = 10;
/** Less would leave the audit little to look at. */
const SENT_MIN = 100;

/**
 * Producers and two groups of consumers at once on functions that know nothing of each other; then drains, reads everything and
 * audits: every acknowledged message is at its offset, no offset is missing or used twice, none was held by two consumers, all end
 * acked. Errors: any violation; a load that two instances did not share. `instances`: how many have been started so far.
 */
export async function checkConcurrentInstances(api: DeployedApi, instances: () => Promise<number>): Promise<string> {
  const server = httpServerOf(api);
  const history: HistoryEvent[] = [];
  const record = (event: HistoryEvent): void => {
    history.push(event);
  };
  await createTopicAndGroups(server);
  const before = await instances();
  const stop = new AbortController();
  const load = runLoad({ server, round: 1, seed: 1, record, signal: stop.signal });
  await sleep(LOAD_MS);
  stop.abort();
  await load;
  const settings = { server, round: 2, seed: 1, record, signal: new AbortController().signal };
  await Promise.all(GROUPS.map((group) => drain(settings, group, SHARED_STORE.skewMarginMs / 1_000)));
  await pullEverything(server, record);

  const violations = audit(history, GROUPS);
  const counts = countKinds(history);
  if (violations.length > 0) {
    const shown = violations.slice(0, VIOLATIONS_SHOWN).map(({ rule, detail }) => `\n      ${rule}: ${detail}`);
    throw new Error(`${violations.length} violations of ${describe(counts)}${shown.join("")}`);
  }
  if ((counts.sent ?? 0) < SENT_MIN) throw new Error(`only ${counts.sent ?? 0} messages were sent`);
  // Whatever was started under the load was started for a request of it.
  const started = (await instances()) - before;
  if (started < 2) throw new Error(`the load was served by ${started} new instances`);
  return `${started} instances started; ${describe(counts)}`;
}
