import { isOpen, nextBase } from "../log/block.ts";
import type { Run } from "../log/run-walk.ts";

/** Where the block that holds `offset` starts, as far as the run tells: behind a full block the next one does. It stays a valid hint. */
export function nextHint(run: Run, offset: number): number {
  let hint = run.blocks[0]?.base ?? run.from;
  for (const block of run.blocks) {
    if (block.base <= offset) hint = block.base;
    if (!isOpen(block) && nextBase(block) <= offset) hint = nextBase(block);
  }
  return hint;
}
