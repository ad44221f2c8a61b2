import { type Outcome, StoreCorrupt, StoreUnavailable } from "../../core/ports/store-failures.ts";

/** The meaning of a failed call to the file system or to LevelDB, for the port's caller. */
export function storeFailure(error: unknown, outcome: Outcome): StoreUnavailable | StoreCorrupt {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "LEVEL_CORRUPTION") return new StoreCorrupt(message, { cause: error });
  return new StoreUnavailable(outcome, isFull(code, message) ? "full" : "unavailable", message, { cause: error });
}

/** LevelDB passes on only the text of a system error. */
const isFull = (code: string | undefined, message: string): boolean =>
  code === "ENOSPC" || code === "EDQUOT" || /no space left|disk quota exceeded/i.test(message);
