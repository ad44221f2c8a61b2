import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Block } from "./block.ts";
import type { FrameContent, FrameReader } from "./frame-reader.ts";
import { type Slice, type Stretch, slicesOf } from "./slices.ts";

/** A slice of a stretch, and its content. */
export interface LoadedSlice {
  readonly slice: Slice;
  readonly content: FrameContent;
}

/**
 * Reads the slices of a stretch, or only those with wanted offsets; all objects are read in parallel. Damage is a value, so it stops
 * nothing else. Before that, the damaged block is read `again`. Errors: `StoreUnavailable`.
 */
export async function loadStretch(
  stretch: Stretch,
  frames: FrameReader,
  again: (block: Block) => Promise<Block | undefined>,
  wanted?: ReadonlySet<number>,
): Promise<readonly LoadedSlice[]> {
  const loaded = await load(stretch, frames, wanted);
  const suspects = new Set(loaded.filter(({ content }) => StoreCorrupt.is(content)).map(({ slice }) => slice.block));
  if (suspects.size === 0) return loaded;
  const blocks: Block[] = [];
  for (const block of stretch.blocks) blocks.push((suspects.has(block) && (await again(block))) || block);
  return load({ ...stretch, blocks }, frames, wanted);
}

async function load(stretch: Stretch, frames: FrameReader, wanted?: ReadonlySet<number>): Promise<readonly LoadedSlice[]> {
  const slices = wanted ? slicesOf(stretch).filter((slice) => holdsOne(slice, wanted)) : slicesOf(stretch);
  // Awaited together: awaited one by one, a second failure would have no one to handle it.
  return Promise.all(slices.map(async (slice) => ({ slice, content: await contentOf(slice, frames) })));
}

async function contentOf({ block, frame }: Slice, frames: FrameReader): Promise<FrameContent> {
  return frame ? frames.content(frame) : new StoreCorrupt(block.damage ?? "a block holds something that is no frame");
}

function holdsOne({ offset, count }: Slice, wanted: ReadonlySet<number>): boolean {
  for (let at = offset; at < offset + count; at++) if (wanted.has(at)) return true;
  return false;
}
