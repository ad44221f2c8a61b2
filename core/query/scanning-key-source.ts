import type { QueueLog } from "../log/queue-log.ts";
import type { Topic } from "../terms.ts";
import { hasName, type KeySource, type MessageName, type Search, type Window } from "./candidates.ts";
import { NewestFirst } from "./newest-first.ts";

/** Finds messages by a name without an index: it reads all there are in the window, newest first. */
export class ScanningKeySource implements KeySource {
  readonly #log: QueueLog;
  readonly #pause: () => Promise<void>;

  constructor(log: QueueLog, pause: () => Promise<void>) {
    this.#log = log;
    this.#pause = pause;
  }

  search(topic: Topic, name: MessageName, window: Window): Search {
    const log = this.#log;
    const scanning = {
      reader: log.reader,
      pause: this.#pause,
      sift: async (run, queue) => {
        const { messages, unreadable } = await log.messages(run, run.from, run.available, queue);
        return [...messages.filter((message) => hasName(message, name)), ...unreadable].map(({ offset }) => offset);
      },
    } satisfies ConstructorParameters<typeof NewestFirst>[0];
    return new NewestFirst(scanning, topic, window);
  }
}
