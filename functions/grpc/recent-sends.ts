import { LRUCache } from "lru-cache";
import type { SendResultEntry } from "./generated/apache/rocketmq/v2/service.ts";

/** A client repeats a send within some seconds: as many sends as a process takes in that time. */
const SENDS_MAX = 65_536;
const KNOWN_MS = 300_000;

/**
 * The sends that this process took lately, by the ids that clients made. A repeat waits for the first one, or is answered as it was. It is
 * memory: after a restart, or in another process, a repeat is a new send.
 */
export class RecentSends {
  readonly #sends = new LRUCache<string, Promise<SendResultEntry>>({ max: SENDS_MAX, ttl: KNOWN_MS });

  /** Sends, unless the message is on its way or was sent. A send that failed is forgotten. */
  once(key: string, send: () => Promise<SendResultEntry>, isSent: (entry: SendResultEntry) => boolean) {
    const known = this.#sends.get(key);
    if (known) return known;
    const sending = send();
    this.#sends.set(key, sending);
    const forget = () => void (this.#sends.peek(key) === sending && this.#sends.delete(key));
    sending.then((entry) => isSent(entry) || forget(), forget);
    return sending;
  }
}
