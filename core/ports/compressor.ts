/** Raw deflate (RFC 1951). `inflate` refuses to write more than `bytesMax` and throws on anything malformed. */
export interface Compressor {
  deflate(bytes: Uint8Array): Uint8Array;
  inflate(bytes: Uint8Array, bytesMax: number): Uint8Array;
}
