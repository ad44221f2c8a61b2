/** LevelDB stores checksums masked, because a checksum of bytes that contain a checksum is weak. */
const MASK = 0xa282ead8;

export const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + MASK) >>> 0;

export function unmasked(stored: number): number {
  const rotated = (stored - MASK) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
