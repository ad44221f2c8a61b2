import type { ObjectStore } from "../../core/ports/object-store.ts";
import type { World } from "../../test/simulation/world.ts";

/** The time of a call to the object store, there and back. */
const CALL_MS = { least: 15, most: 40 } as const;

/** A bucket over a network. */
export function distantObjects(world: World, store: ObjectStore): ObjectStore {
  const called = async <T>(call: () => Promise<T>): Promise<T> => {
    const halfMs = (CALL_MS.least + world.random.fraction() * (CALL_MS.most - CALL_MS.least)) / 2;
    await world.sleep(halfMs);
    const answer = await call();
    await world.sleep(halfMs);
    return answer;
  };
  return {
    put: (key, bytes, options) => called(() => store.put(key, bytes, options)),
    getRange: (key, offset, length) => called(() => store.getRange(key, offset, length)),
  };
}
