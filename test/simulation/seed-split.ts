import { SCENARIOS, type ScenarioName } from "./scenarios.ts";

const names = Object.keys(SCENARIOS) as ScenarioName[];
const rounds = Math.max(...names.map((name) => SCENARIOS[name].weight));
/** Each scenario as often as its weight, spread out. */
const turns = Array.from({ length: rounds }, (_, round) => names.filter((name) => SCENARIOS[name].weight > round)).flat();

/** Splits any range of seeds evenly among the scenarios by weight. */
export const scenarioOf = (seed: number): ScenarioName => turns[seed % turns.length] as ScenarioName;
