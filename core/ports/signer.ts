/** Keyed message authentication (HMAC-SHA-512): receipt handles and cursors are signed with it. */
export interface Signer {
  /** The 64-byte tag of `bytes` under `key`. */
  sign(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** Constant-time comparison; false when the lengths differ. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
}
