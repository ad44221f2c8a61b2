import { redriveJobKey, runningRedriveKey } from "../keys.ts";
import { REDRIVE_JOB_LIFE_MS } from "../limits.ts";
import type { Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import type { Filter } from "../terms.ts";
import { offsetOfDeadLetter } from "./dead-letter.ts";

/** The dead letters that a redrive takes. All, if neither is given. */
export interface RedriveSelection {
  readonly ids?: readonly string[] | undefined;
  readonly filter?: Filter | undefined;
}

/**
 * A redrive. Every step is one write on the condition of `next`. So if two processes continue it at once, only one makes the step.
 * After a lost reply, the outcome is read here.
 *
 *   job#<group uid>  <job id>                [gn] group name · [q] selection as JSON · [t] target · [r] rate · [n] next
 *                                            [u] until · [m] moved · [z] unreadable, if any · [s] state · [e] failure · [p] paceMs · [x] expiry
 *   redriving        <group uid>-<job id>    [gn gu j] while it runs
 */
export interface RedriveJob {
  readonly groupUid: string;
  readonly group: string;
  readonly jobId: string;
  readonly selection: RedriveSelection;
  /** The topic that they go to; `undefined`: back to the group. */
  readonly target: string | undefined;
  readonly ratePerSecond: number | undefined;
  /** The first offset that was not read yet. */
  readonly next: number;
  /** The end of the redrive: later dead letters are left out, even if this redrive caused them. */
  readonly until: number;
  readonly moved: number;
  /** Dead letters that were passed over because they cannot be read. They stay. */
  readonly unreadable: number;
  readonly state: "RUNNING" | "DONE" | "FAILED";
  /** Why it failed. */
  readonly failure: string | undefined;
  /** When the rate allows the next message. */
  readonly paceMs: number;
}

export const redriveJobOf = (item: Item): RedriveJob => ({
  groupUid: item.pk.slice(item.pk.indexOf("#") + 1),
  group: item.gn as string,
  jobId: item.sk,
  selection: JSON.parse(item.q as string) as RedriveSelection,
  target: item.t as string | undefined,
  ratePerSecond: item.r as number | undefined,
  next: item.n as number,
  until: item.u as number,
  moved: item.m as number,
  unreadable: (item.z as number | undefined) ?? 0,
  state: item.s as RedriveJob["state"],
  failure: item.e as string | undefined,
  paceMs: item.p as number,
});

export const startOf = (job: RedriveJob, nowMs: number): readonly TransactWrite[] => [
  {
    kind: "put",
    item: {
      ...redriveJobKey(job.groupUid, job.jobId),
      gn: job.group,
      q: JSON.stringify(job.selection),
      ...(job.target !== undefined && { t: job.target }),
      ...(job.ratePerSecond !== undefined && { r: job.ratePerSecond }),
      n: job.next,
      u: job.until,
      m: job.moved,
      s: job.state,
      p: job.paceMs,
      x: jobExpiry(nowMs),
    },
  },
  {
    kind: "put",
    item: { ...runningRedriveKey(job.groupUid, job.jobId), gn: job.group, gu: job.groupUid, j: job.jobId },
  },
];

/** The running redrive that an item of `redriving` names. */
export const runningRedriveOf = (item: Item): Pick<RedriveJob, "group" | "groupUid" | "jobId"> => ({
  group: item.gn as string,
  groupUid: item.gu as string,
  jobId: item.j as string,
});

/** A step: how many messages it moved, how many unreadable ones it passed over, and where to continue. */
export const stepOf = (
  job: RedriveJob,
  { next, moved, unreadable }: { readonly next: number; readonly moved: number; readonly unreadable: number },
  nowMs: number,
) => {
  const { ratePerSecond } = job;
  const paceMs = ratePerSecond === undefined ? 0 : Math.max(job.paceMs, nowMs) + Math.ceil((moved * 1_000) / ratePerSecond);
  const changes: Change[] = [
    { op: "set", name: "n", value: next },
    { op: "increment", name: "m", by: moved },
    { op: "set", name: "x", value: jobExpiry(nowMs) },
  ];
  if (unreadable > 0) changes.push({ op: "set", name: "z", value: job.unreadable + unreadable });
  if (moved > 0) changes.push({ op: "set", name: "p", value: paceMs });
  return { key: redriveJobKey(job.groupUid, job.jobId), changes, when: asRead(job) };
};

export const endOf = (job: RedriveJob, failure: string | undefined, nowMs: number): readonly TransactWrite[] => {
  const changes: Change[] = [
    { op: "set", name: "s", value: failure === undefined ? "DONE" : "FAILED" },
    { op: "set", name: "x", value: jobExpiry(nowMs) },
  ];
  if (failure !== undefined) changes.push({ op: "set", name: "e", value: failure });
  return [
    { kind: "update", key: redriveJobKey(job.groupUid, job.jobId), changes, when: asRead(job) },
    { kind: "delete", key: runningRedriveKey(job.groupUid, job.jobId) },
  ];
};

/** The most dead letters that are left to read. */
export function remainingOf({ state, selection: { ids }, next, until }: RedriveJob): number {
  if (state === "DONE") return 0;
  if (ids) return ids.filter((id) => (offsetOfDeadLetter(id) ?? -1) >= next).length;
  return Math.max(0, until - next);
}

const asRead = (job: RedriveJob): readonly Condition[] => [
  { op: "=", name: "s", value: "RUNNING" },
  { op: "=", name: "n", value: job.next },
];

/** Epoch seconds. */
const jobExpiry = (nowMs: number): number => Math.ceil((nowMs + REDRIVE_JOB_LIFE_MS) / 1_000);
