type Changes<S> = { readonly [K in keyof S]?: S[K] | null | undefined };

/** `changes` over `current`; what they leave out stays, `null` restores the default. */
export function mergeSettings<S extends object>(defaults: S, current: S, changes: Changes<S>): S {
  const names = Object.keys(defaults) as (keyof S)[];
  const merged = names.map((name) => [name, changes[name] === undefined ? current[name] : (changes[name] ?? defaults[name])]);
  return Object.fromEntries(merged) as S;
}

/** Whether two have the same settings, of those that there are defaults for. */
export const sameSettings = <S extends object>(defaults: S, one: S, other: S): boolean =>
  (Object.keys(defaults) as (keyof S)[]).every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
