import type { Consumption, Telemetry } from "../../../adapters/telemetry.ts";

/** Remembers what store calls reported. */
export class StoreLedger implements Telemetry {
  readonly entries: Consumption[] = [];

  consumed(consumption: Consumption): void {
    this.entries.push(consumption);
  }

  /** What the one call inside `run` reported. */
  async of(run: () => Promise<unknown>): Promise<Consumption> {
    const before = this.entries.length;
    await run().catch(() => undefined);
    const reported = this.entries.slice(before);
    if (reported.length !== 1) throw new Error(`the call reported ${reported.length} times`);
    return reported[0]!;
  }
}
