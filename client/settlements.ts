import type { components } from "./api-types.ts";
import { ApogeeError, mayPass } from "./apogee-error.ts";
import { entryError } from "./batch.ts";
import { backoffMs } from "./retry.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];
export type SettleResult = Schemas["SettleResult"];

/** What is done with a delivery (PROTOCOL.md 6.4), by the member of the request that says so. */
export interface Settlements {
  readonly acks: Schemas["AckEntry"];
  readonly nacks: Schemas["NackEntry"];
  readonly extends: Schemas["ExtendEntry"];
  readonly deadLetters: Schemas["DeadLetterEntry"];
}

export type SettleKind = keyof Settlements;

interface Pending {
  readonly kind: SettleKind;
  readonly entry: Settlements[SettleKind];
  /** Tried again until then, by the clock. */
  readonly untilMs: number;
  readonly resolve: (result: SettleResult) => void;
  readonly reject: (error: unknown) => void;
}

/** The order of the results, which is that of the request's members. */
const KINDS: readonly SettleKind[] = ["acks", "nacks", "extends", "deadLetters"];
/** Of the 100 that are allowed: what three full receives brought, so that the queue of each is written once. */
const ENTRIES_MAX = 96;
const CALLS_MAX = 4;

/** Settles deliveries of one group, those of one turn of the event loop in one call, and those that wait for a call as well. */
export class Settler {
  readonly #transport: Transport;
  readonly #path: string;
  #pending: Pending[] = [];
  #calls = 0;
  #isScheduled = false;

  constructor(transport: Transport, group: string) {
    this.#transport = transport;
    this.#path = `/v1/groups/${encodeURIComponent(group)}/settle`;
  }

  /**
   * Settles one delivery, and tries again for `patienceMs` where the broker cannot be reached: what was settled once answers alike.
   * Errors: `ApogeeError`, such as `LEASE_LOST`.
   */
  settle<K extends SettleKind>(kind: K, entry: Settlements[K], patienceMs: number): Promise<SettleResult> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ kind, entry, untilMs: this.#transport.clock.now() + patienceMs, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#begin();
    }, 0);
  }

  /**
   * What comes while a call is under way is settled together. A second call begins for a full one, and for an extension, whose lease may
   * end before a call that hangs.
   */
  #begin(): void {
    const isUrgent = (): boolean => this.#pending.length >= ENTRIES_MAX || this.#pending.some(({ kind }) => kind === "extends");
    while (this.#pending.length > 0 && this.#calls < (isUrgent() ? CALLS_MAX : 1)) {
      this.#calls++;
      void this.#call(this.#pending.splice(0, ENTRIES_MAX)).finally(() => {
        this.#calls--;
        this.#begin();
      });
    }
  }

  async #call(batch: readonly Pending[]): Promise<void> {
    const ordered = KINDS.flatMap((kind) => batch.filter((pending) => pending.kind === kind));
    const body: Partial<Record<SettleKind, Settlements[SettleKind][]>> = {};
    for (const { kind, entry } of ordered) {
      body[kind] ??= [];
      body[kind].push(entry);
    }
    const failed: { readonly pending: Pending; readonly error: unknown }[] = [];
    try {
      const { results } = await this.#transport.call<{ results: readonly SettleResult[] }>({
        method: "post",
        path: this.#path,
        body,
        repeatableMs: Number.POSITIVE_INFINITY,
        maxAttempts: 1,
      });
      for (const [index, pending] of ordered.entries()) {
        const result = results[index] as SettleResult;
        if (result.status === "error" && result.error) failed.push({ pending, error: entryError(result.error) });
        else pending.resolve(result);
      }
    } catch (error) {
      // One entry that the broker does not understand spoils the call, and no other entry.
      if (batch.length > 1 && ApogeeError.is(error) && error.status === 400) {
        for (const pending of ordered) await this.#call([pending]);
        return;
      }
      for (const pending of ordered) failed.push({ pending, error });
    }
    await this.#failed(failed);
  }

  async #failed(failed: readonly { readonly pending: Pending; readonly error: unknown }[]): Promise<void> {
    const { clock, retry } = this.#transport;
    const again: Pending[] = [];
    for (const { pending, error } of failed) {
      if (mayPass(error) && clock.now() < pending.untilMs) again.push(pending);
      else pending.reject(error);
    }
    if (again.length === 0) return;
    // Not held up any longer than the others that come: they would fail as well.
    await clock.sleep(backoffMs(retry, 4));
    this.#pending = [...again, ...this.#pending];
  }
}
