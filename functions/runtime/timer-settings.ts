import { TIMER_SHARDS, TIMER_SHARDS_MAX } from "../../core/timer/timer-limits.ts";
import { type SettingTable, wholeNumber } from "./settings.ts";

export const TIMER_SETTINGS = {
  timerShards: {
    env: "TIMER_SHARDS",
    schema: wholeNumber(TIMER_SHARDS, TIMER_SHARDS_MAX),
    default: String(TIMER_SHARDS),
    unit: "",
    description:
      "Shards that delayed messages and checks of transactions are spread over, each of which a table takes 1,000 write units a second for. May be raised on a running system; a store that has more keeps them.",
  },
} as const satisfies SettingTable;
