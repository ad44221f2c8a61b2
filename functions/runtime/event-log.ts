import type { BrokerEvent, Events } from "../../core/ports/events.ts";
import type { Log } from "./log.ts";

/** Lines of one kind in one window; further events are counted. */
const LINES_MAX = 30;
const WINDOW_MS = 60_000;
/** How many groups, topics or producer groups a summary names with their counts. */
const NAMES_MAX = 20;
/** No name can hold a space. */
const OTHERS = "all others";
/** Clients give reasons of any length. */
const REASON_CHARS_MAX = 256;

type Kind = BrokerEvent["kind"];

const LINES: Readonly<Record<Kind, { readonly level: "info" | "warn" | "error"; readonly message: string }>> = {
  checkNotPosted: { level: "warn", message: "a check of a transaction was not posted to its producer group's endpoint" },
  deadLettered: { level: "warn", message: "a message was dead-lettered" },
  messagePutAside: { level: "error", message: "a message that cannot be read was put aside" },
  redriveEnded: { level: "info", message: "a redrive ended" },
  timerParked: { level: "warn", message: "a delayed message was parked: it cannot be delivered" },
  transactionDiscarded: { level: "warn", message: "a transaction was discarded: no producer said what became of it" },
  webhookFailed: { level: "warn", message: "a webhook gave no verdict on a transaction" },
};

/** The counts of one kind of event. */
interface Tally {
  /** Lines in the window that began at `sinceMs`. */
  lines: number;
  sinceMs: number;
  /** Events not logged since the last summary, by the name that they are about. */
  readonly unlogged: Map<string, number>;
}

export interface EventLog extends Events {
  /** Logs the pending summaries now: before the process ends or freezes. */
  flush(): void;
}

/**
 * Logs events, a line each. Of a burst only the first events of each kind are logged; one line a minute counts the others, by name. So
 * a queue of a million poisoned messages fills no disk, and hides no event of another kind.
 */
export function createEventLog(log: Log): EventLog {
  const tallies = new Map<Kind, Tally>();
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    for (const [kind, { unlogged }] of tallies) {
      const count = [...unlogged.values()].reduce((sum, some) => sum + some, 0);
      if (count === 0) continue;
      const by = Object.fromEntries(unlogged);
      log[LINES[kind].level]({ event: kind, count, by }, "there were more of these than were logged");
      unlogged.clear();
    }
  };

  const tallyOf = (kind: Kind): Tally => {
    const nowMs = performance.now();
    const tally = tallies.get(kind) ?? { lines: 0, sinceMs: nowMs, unlogged: new Map() };
    tallies.set(kind, tally);
    if (nowMs - tally.sinceMs < WINDOW_MS) return tally;
    tally.lines = 0;
    tally.sinceMs = nowMs;
    return tally;
  };

  return {
    flush,
    happened(event) {
      const tally = tallyOf(event.kind);
      if (tally.lines++ < LINES_MAX) return logOne(log, event);
      timer ??= setTimeout(flush, WINDOW_MS).unref();
      const { unlogged } = tally;
      const name = nameIn(event);
      const counted = unlogged.has(name) || unlogged.size < NAMES_MAX ? name : OTHERS;
      unlogged.set(counted, (unlogged.get(counted) ?? 0) + 1);
    },
  };
}

function nameIn(event: BrokerEvent): string {
  if ("group" in event) return event.group;
  return "producerGroup" in event ? event.producerGroup : event.topic;
}

function logOne(log: Log, event: BrokerEvent): void {
  const { kind, ...about } = event;
  const { level, message } = LINES[kind];
  const failed = event.kind === "redriveEnded" && event.state === "FAILED";
  const reason = "reason" in event ? event.reason?.slice(0, REASON_CHARS_MAX) : undefined;
  log[failed ? "warn" : level]({ event: kind, ...about, reason }, message);
}
