import type { BrokerSettings } from "../broker-settings.ts";
import type { DroppedBlocks } from "../log/drop-expired.ts";
import type { HearRollGauges } from "../ports/gauges.ts";
import type { Yielding } from "../ports/reading.ts";
import type { StoreFormat } from "../store/store-format.ts";
import { rollOn } from "./keep-rolling.ts";
import { rollWhatIsDue } from "./roll-hinted.ts";
import type { RollDependencies } from "./roller.ts";

export interface RollingOptions {
  /** When rolling goes on. Default: as reading does. */
  readonly background?: Yielding | undefined;
  /** Told how far rolling is behind, at the end of each pass of this process. */
  readonly onRollGauges?: HearRollGauges | undefined;
}

export interface RollingDependencies extends RollDependencies {
  readonly settings: BrokerSettings;
  readonly format: StoreFormat;
  readonly onFailure: (error: unknown) => void;
}

/** The first format whose readers all look into segments. */
const SEGMENTS_FORMAT = 4;

/** Rolls and drops until the signal aborts (`keep-rolling.ts`). */
export async function keepRolling(
  store: RollingDependencies,
  signal: AbortSignal,
  dropped: (blocks: DroppedBlocks) => Promise<void>,
): Promise<void> {
  if (store.format.version < SEGMENTS_FORMAT) return;
  await rollOn(store, signal, dropped);
}

/** Rolls what is due (`roll-hinted.ts`), where no process is alone on the store. Answers whether that was all. */
export async function rollHinted(store: RollingDependencies, untilMs: number): Promise<boolean> {
  if (store.settings.soleProcess || store.format.version < SEGMENTS_FORMAT) return true;
  return rollWhatIsDue(store, untilMs);
}
