import { ApogeeError } from "../client/apogee-error.ts";
import { VerbFailure } from "./failures.ts";

/** Refuses to make what there is already. The broker would change its settings. */
export async function refuseExisting(what: string, get: () => Promise<unknown>, change: string): Promise<void> {
  try {
    await get();
  } catch (error) {
    if (ApogeeError.is(error) && error.status === 404) return;
    throw error;
  }
  throw new VerbFailure(`${what} is there already. To change it: ${change}`);
}
