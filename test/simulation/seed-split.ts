import { SCENARIOS, type ScenarioName } from "./scenarios.ts";

const names = Object.keys(SCENARIOS) as ScenarioName[];
const rounds = Math.max(...names.map((name) => SCENARIOS[name].weight));
/** Each scenario as often as it weighs, spread out. */
const turns = Array.from({ length: rounds }, (_, round) => names.filter((name) => SCENARIOS[name].weight > round)).flat();

/** Any row of seeds is split evenly: each scenario gets its share of them. */
export const scenarioOf = (seed: number): ScenarioName => turns[seed % turns.length] as ScenarioName;
