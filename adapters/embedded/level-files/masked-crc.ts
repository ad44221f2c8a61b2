/** LevelDB stores checksums masked, since one over bytes that hold a checksum says little. */
const MASK = 0xa282ead8;

export const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + MASK) >>> 0;

export function unmasked(stored: number): number {
  const rotated = (stored - MASK) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
