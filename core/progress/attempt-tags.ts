import { toBase64url } from "../bytes/base64url.ts";
import type { Signer } from "../ports/signer.ts";
import { ATTEMPT_TAG_CHARS } from "./progress.ts";

/**
 * The tag by which a claim knows the attempt that took it: 60 bits of a keyed hash. So no two attempts of a group are confused, and
 * nobody can choose ids that collide.
 */
export class AttemptTags {
  readonly #signer: Signer;
  readonly #key: Uint8Array;

  constructor(signer: Signer, key: Uint8Array) {
    this.#signer = signer;
    this.#key = key;
  }

  /** The tag of an attempt before any repeat. */
  tagOf(groupUid: string, attemptId: string): string {
    const hash = this.#signer.sign(this.#key, new TextEncoder().encode(`attempt/${groupUid}/${attemptId}`));
    return `${toBase64url(hash.subarray(0, 8)).slice(0, ATTEMPT_TAG_CHARS)}A`;
  }
}
