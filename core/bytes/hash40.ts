/**
 * 40 bits over UTF-16 units: two lanes as of FNV-1a with multipliers of their own, the second one for the upper 8 bits, then an avalanche.
 * It spreads texts, and is no signature. Stored data depends on its results.
 */
export function hash40(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x9e3779b1;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x5f356495);
  }
  return (mixed(high) & 255) * 2 ** 32 + mixed(low ^ (high >>> 16));
}

function mixed(lane: number): number {
  let hash = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
