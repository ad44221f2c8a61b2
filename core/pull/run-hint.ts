import { isOpen, nextBase } from "../log/block.ts";
import type { Run } from "../log/run-walk.ts";

/** Base of the block that holds `offset`, as far as the run tells. Behind a full block the next one starts. A hint stays valid. */
export function nextHint(run: Run, offset: number): number {
  let hint = run.blocks[0]?.base ?? run.from;
  for (const block of run.blocks) {
    if (block.base <= offset) hint = block.base;
    if (!isOpen(block) && nextBase(block) <= offset) hint = nextBase(block);
  }
  return hint;
}
