import type { Consumption, Telemetry } from "../../../adapters/telemetry.ts";

/** Records the reports of store calls. */
export class StoreLedger implements Telemetry {
  readonly entries: Consumption[] = [];

  consumed(consumption: Consumption): void {
    this.entries.push(consumption);
  }

  /** The report of the one call inside `run`. */
  async of(run: () => Promise<unknown>): Promise<Consumption> {
    const before = this.entries.length;
    await run().catch(() => undefined);
    const reported = this.entries.slice(before);
    if (reported.length !== 1) throw new Error(`the call reported ${reported.length} times`);
    return reported[0]!;
  }
}
