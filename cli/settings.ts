import { UsageFailure } from "./failures.ts";

/** Puts a setting back to what it is where nobody sets it. Commander has its own meaning of `null`. */
export const DEFAULT = Symbol("default");

/** As `read`, and the word `default`. */
export const orDefault =
  <T>(read: (text: string) => T) =>
  (text: string): T | typeof DEFAULT =>
    text === "default" ? DEFAULT : read(text);

/** Options of a command, each a setting that `Patch` has. */
export type SettingOptions<Patch> = { readonly [Name in keyof Patch]: Exclude<Patch[Name], null> | typeof DEFAULT };

/** Of what is made: what is not named has its default anyway. */
export const settingsOf = <Settings>(options: SettingOptions<Settings>): Settings =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== DEFAULT)) as Settings;

/** Of what is changed: `null` restores a default. Errors: a `UsageFailure` where nothing is named. */
export function patchOf<Patch>(options: SettingOptions<Patch>, help: string): Patch {
  const named = Object.entries(options);
  if (named.length === 0) throw new UsageFailure(`What is to change? ${help} --help lists it.`);
  return Object.fromEntries(named.map(([name, value]) => [name, value === DEFAULT ? null : value])) as Patch;
}
