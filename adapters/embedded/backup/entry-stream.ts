import { BackupFailed } from "./backup-failed.ts";

/** Key and value of an entry of the database, as they are stored. */
export type StoredEntry = readonly [key: Uint8Array, value: Uint8Array];

/**
 * What a server sends to the command that makes a backup:
 *
 *   stream  = refused | begun entries* (ended | refused)
 *   frame   = kind:u8 length:u32 payload
 *   entries = (keyBytes:u32 valueBytes:u32 key value)*
 *   ended   = how many entries there were: u48
 *   refused = the reason, in UTF-8
 *
 * Numbers are big-endian. A stream without `ended` is not whole.
 */
const KIND = { begun: 1, entries: 2, ended: 3, refused: 4 } as const;
const HEADER_BYTES = 5;
const LENGTHS_BYTES = 8;
const COUNT_BYTES = 6;
/** A step of a scan has some 256 KB and ends with an item of 400 KB at most. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

export async function* encodeStream(entries: AsyncIterable<readonly StoredEntry[]>): AsyncGenerator<Uint8Array> {
  let count = 0;
  yield frame(KIND.begun, Buffer.alloc(0));
  for await (const step of entries) {
    count += step.length;
    yield entriesFrame(step);
  }
  const ended = Buffer.alloc(COUNT_BYTES);
  ended.writeUIntBE(count, 0, COUNT_BYTES);
  yield frame(KIND.ended, ended);
}

export const encodeRefusal = (reason: string): Uint8Array => frame(KIND.refused, Buffer.from(reason));

/** Resolves once the server has begun. Errors, also of the entries: `BackupFailed`. */
export async function decodeStream(chunks: AsyncIterable<Buffer>): Promise<AsyncIterable<readonly StoredEntry[]>> {
  const frames = readFrames(chunks);
  const { kind } = await nextFrame(frames);
  if (kind === KIND.begun) return entriesIn(frames);
  await frames.return(undefined);
  throw notUnderstood();
}

async function* entriesIn(frames: AsyncGenerator<Frame>): AsyncGenerator<readonly StoredEntry[]> {
  let count = 0;
  try {
    for (;;) {
      const { kind, payload } = await nextFrame(frames);
      if (kind === KIND.entries) {
        const entries = readEntries(payload);
        count += entries.length;
        yield entries;
      } else if (kind === KIND.ended && payload.readUIntBE(0, COUNT_BYTES) === count) return;
      else throw notUnderstood();
    }
  } finally {
    // Hangs up, also where the reader has gone away.
    await frames.return(undefined);
  }
}

interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
}

const endedEarly = (cause?: unknown) => new BackupFailed("The server ended before it had sent everything.", { cause });
const notUnderstood = () => new BackupFailed("The server's answer is not understood: it may be of another version.");

async function nextFrame(frames: AsyncGenerator<Frame>): Promise<Frame> {
  const { value } = await frames.next().catch((error: unknown) => {
    throw BackupFailed.is(error) ? error : endedEarly(error);
  });
  if (value === undefined) throw endedEarly();
  if (value.kind !== KIND.refused) return value;
  await frames.return(undefined);
  throw new BackupFailed(value.payload.toString("utf8"));
}

async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  let wanted = HEADER_BYTES;
  for await (const chunk of chunks) {
    parts.push(chunk);
    bytes += chunk.length;
    while (bytes >= wanted) {
      const [joined] = parts.length === 1 ? (parts as [Buffer]) : [Buffer.concat(parts)];
      const end = HEADER_BYTES + joined.readUInt32BE(1);
      if (end > FRAME_BYTES_MAX) throw notUnderstood();
      const whole = bytes >= end;
      if (whole) yield { kind: joined.readUInt8(0), payload: joined.subarray(HEADER_BYTES, end) };
      const rest = whole ? joined.subarray(end) : joined;
      parts = [rest];
      bytes = rest.length;
      wanted = whole ? HEADER_BYTES : end;
    }
  }
  return undefined;
}

function readEntries(payload: Buffer): StoredEntry[] {
  const entries: StoredEntry[] = [];
  for (let at = 0; at < payload.length; ) {
    const key = at + LENGTHS_BYTES;
    const value = key + payload.readUInt32BE(at);
    const end = value + payload.readUInt32BE(at + 4);
    entries.push([payload.subarray(key, value), payload.subarray(value, end)]);
    at = end;
  }
  return entries;
}

function entriesFrame(entries: readonly StoredEntry[]): Buffer {
  const payloadBytes = entries.reduce((sum, [key, value]) => sum + LENGTHS_BYTES + key.length + value.length, 0);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  writeHeader(bytes, KIND.entries, payloadBytes);
  let at = HEADER_BYTES;
  for (const [key, value] of entries) {
    bytes.writeUInt32BE(key.length, at);
    bytes.writeUInt32BE(value.length, at + 4);
    bytes.set(key, at + LENGTHS_BYTES);
    bytes.set(value, at + LENGTHS_BYTES + key.length);
    at += LENGTHS_BYTES + key.length + value.length;
  }
  return bytes;
}

function frame(kind: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  writeHeader(header, kind, payload.length);
  return Buffer.concat([header, payload]);
}

function writeHeader(into: Buffer, kind: number, payloadBytes: number): void {
  into.writeUInt8(kind, 0);
  into.writeUInt32BE(payloadBytes, 1);
}
