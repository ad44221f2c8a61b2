/** The units that one partition of the table takes a second. Source: "Designing partition keys" of DynamoDB's developer guide. */
const PARTITION_UNITS = { write: 1_000, read: 3_000 } as const;

/** Unused units that a partition saves up. DynamoDB keeps 300 seconds at most, and does not promise any. */
const BURST_SECONDS = 1;

/** The units of one key of the table, as they come back. A call is let in while any are left, even if it takes more. */
class Units {
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond * BURST_SECONDS;
    this.#atMs = nowMs;
  }

  take(units: number, nowMs: number): boolean {
    const back = ((nowMs - this.#atMs) / 1_000) * this.#perSecond;
    this.#left = Math.min(this.#perSecond * BURST_SECONDS, this.#left + back);
    this.#atMs = nowMs;
    if (this.#left <= 0) return false;
    this.#left -= units;
    return true;
  }
}

/** The units of all keys of a table, as if each had its own partition. */
export class PartitionUnits {
  readonly #reads = new Map<string, Units>();
  readonly #writes = new Map<string, Units>();

  takeRead(pk: string, units: number, nowMs: number): boolean {
    return unitsOf(this.#reads, pk, PARTITION_UNITS.read, nowMs).take(units, nowMs);
  }

  takeWrite(pk: string, units: number, nowMs: number): boolean {
    return unitsOf(this.#writes, pk, PARTITION_UNITS.write, nowMs).take(units, nowMs);
  }
}

function unitsOf(known: Map<string, Units>, pk: string, perSecond: number, nowMs: number): Units {
  let units = known.get(pk);
  if (!units) {
    units = new Units(perSecond, nowMs);
    known.set(pk, units);
  }
  return units;
}
