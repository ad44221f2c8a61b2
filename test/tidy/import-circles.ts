/** Which files each file imports, by path. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** As the formatter writes them: a static import begins or ends a line, whatever it takes, types included. */
const IMPORTED = /^(?:(?:import|export)\b[^"'=]*|\}) from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** What a source imports, as it is written there. */
export const importedBy = (source: string): readonly string[] =>
  Array.from(source.matchAll(IMPORTED), ([, ...groups]) => groups.find((group) => group !== undefined) ?? "");

/**
 * One circle for each file that has one and is in none of those before: the shortest, as the paths on its way from that file back to it.
 */
export function circlesIn(graph: ImportGraph): readonly (readonly string[])[] {
  const circles: (readonly string[])[] = [];
  const named = new Set<string>();
  for (const file of graph.keys()) {
    if (named.has(file)) continue;
    const circle = shortestCircle(graph, file);
    for (const path of circle) named.add(path);
    if (circle.length > 0) circles.push([...circle, file]);
  }
  return circles;
}

/** The files on the shortest way from `start` back to itself, `start` first; empty where there is none. */
function shortestCircle(graph: ImportGraph, start: string): readonly string[] {
  const cameFrom = new Map<string, string>();
  let reached = [start];
  while (reached.length > 0) {
    const next: string[] = [];
    for (const file of reached) {
      for (const imported of graph.get(file) ?? []) {
        if (imported === start) return wayTo(file, cameFrom);
        if (cameFrom.has(imported)) continue;
        cameFrom.set(imported, file);
        next.push(imported);
      }
    }
    reached = next;
  }
  return [];
}

function wayTo(last: string, cameFrom: ReadonlyMap<string, string>): readonly string[] {
  const way: string[] = [];
  for (let file: string | undefined = last; file !== undefined; file = cameFrom.get(file)) way.unshift(file);
  return way;
}
