/**
 * Options of an LRU cache of so many entries that takes room as it fills: one that is told its `max` allocates for all of them at once,
 * which a handler that just starts pays for.
 */
export const growingTo = (entriesMax: number) => ({ maxSize: entriesMax, sizeCalculation: () => 1 });
