/**
 * Options of an LRU cache of `entriesMax` entries that grows as it fills. A cache with a `max` allocates all entries at once, which a
 * starting handler would pay for.
 */
export const growingTo = (entriesMax: number) => ({ maxSize: entriesMax, sizeCalculation: () => 1 });
