import { LRUCache as Preallocated } from "../../node_modules/lru-cache/dist/esm/index.js";

/**
 * Takes the place of lru-cache where very many brokers are made: with a number of entries it allocates all their room at once,
 * some 7 ms a broker; with a size it grows.
 */
export class LRUCache<K extends {}, V extends {}> extends Preallocated<K, V> {
  constructor(options: Preallocated.Options<K, V, unknown>) {
    const { max, ...others } = options;
    const grows = max !== undefined && options.maxSize === undefined;
    super(grows ? ({ ...others, maxSize: max, sizeCalculation: () => 1 } as typeof options) : options);
  }
}
