// A server of an embedded folder whose background waits a hundredth of the usual time, and which kills itself with SIGKILL at a moment of
// its rolling. Run with HOST, PORT, DATA_DIR, and MOMENT, as JSON, in the environment.

import pino from "pino";
import { createBroker } from "../../../core/create-broker.ts";
import { KEY_FILES_PK } from "../../../core/keys.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../core/ports/object-store.ts";
import { ROLL_SETTINGS } from "../../../core/roller/roll-limits.ts";
import { AnswerMemory } from "../../../functions/http/bounds/answer-memory.ts";
import { RequestMemory } from "../../../functions/http/bounds/request-memory.ts";
import { serveBroker } from "../../../functions/http/node/serve-broker.ts";
import { systemClock } from "../../../functions/runtime/clock.ts";
import { deflateCompressor } from "../../../functions/runtime/compressor.ts";
import { createSystemRandom } from "../../../functions/runtime/random.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";
import { SpareTime } from "../../../functions/runtime/spare-time.ts";
import { openEmbeddedStores } from "../../../functions/stores/embedded-stores.ts";
import type { Moment } from "./moments.ts";

const HURRY = 100;
const MIB = 1_024 * 1_024;
/** So few that each life merges, in several steps. */
const MERGES = { files: 2, entries: 3_000 };

const { HOST: host = "", PORT: port = "0", DATA_DIR: folder = "", MOMENT: moment = "{}" } = process.env;
const { call, side, passed }: Moment = JSON.parse(moment);
let calls = 0;

/** Kills this process at its moment. */
async function dying<T>(what: Moment["call"], apply: () => Promise<T>): Promise<T> {
  const isLast = what === call && calls++ === passed;
  if (isLast && side === "before") process.kill(process.pid, "SIGKILL");
  const answer = await apply();
  if (isLast) process.kill(process.pid, "SIGKILL");
  return answer;
}

const stores = await openEmbeddedStores(folder);
const { disk } = stores;
const items = new Proxy(stores.items, {
  get(target, name: keyof ItemStore) {
    const method = target[name].bind(target) as (...given: unknown[]) => Promise<unknown>;
    if (name === "transact")
      return (...given: Parameters<ItemStore["transact"]>) => {
        const isCommit = given[0].some((write) => write.kind === "put" && write.item.pk.startsWith("s#"));
        if (isCommit) return dying("commit", () => method(...given));
        const isEnd = given[0].some((write) => write.kind === "delete" && write.key.pk === "km");
        return isEnd ? dying("end merge", () => method(...given)) : method(...given);
      };
    if (name === "put")
      return (...given: Parameters<ItemStore["put"]>) => {
        const [{ pk }] = given;
        if (pk === KEY_FILES_PK) return dying("register keys", () => method(...given));
        return pk === "km" ? dying("go on merging", () => method(...given)) : method(...given);
      };
    if (name === "delete")
      return (...given: Parameters<ItemStore["delete"]>) =>
        given[0].pk.startsWith("q#") ? dying("drop", () => method(...given)) : method(...given);
    return method;
  },
});
const objects: ObjectStore = {
  put: (key, bytes) => {
    if (key.endsWith(".seg")) return dying("put segment", () => stores.objects.put(key, bytes));
    if (key.endsWith(".keys")) return dying("put key file", () => stores.objects.put(key, bytes));
    return stores.objects.put(key, bytes);
  },
  getRange: (key, offset, length) => stores.objects.getRange(key, offset, length),
};
const clock: Clock = { nowMs: systemClock.nowMs, sleep: (ms, signal) => systemClock.sleep(ms / HURRY, signal) };
const random = createSystemRandom();
const answerMemory = new AnswerMemory(64 * MIB);
const broker = await createBroker({
  items,
  objects,
  settings: { ...stores.settings, rollSettings: { ...ROLL_SETTINGS, merges: MERGES } },
  clock,
  random,
  signer: hmacSigner,
  compressor: deflateCompressor,
  reading: answerMemory,
  background: new SpareTime(),
  onFailure: (error) => console.error(error),
});
await serveBroker({
  broker,
  log: pino({ level: "silent" }),
  random,
  signer: hmacSigner,
  host,
  port: Number(port),
  memory: new RequestMemory(16 * MIB),
  answerMemory,
});
await broker.keepRolling(new AbortController().signal, async (blocks) => disk?.reclaim(blocks));
