import { createHash, timingSafeEqual } from "node:crypto";

const BEARER = /^bearer +(\S+)$/i;

/** Admits requests with a known key. It knows only the SHA-256 of each key. Without any key it admits nobody. */
export class ApiKeyGuard {
  readonly #keyHashes: readonly Uint8Array[];
  readonly #openPaths: ReadonlySet<string>;

  /** `openPaths` are routes that need no key. */
  constructor(keyHashes: readonly Uint8Array[], openPaths: readonly string[] = []) {
    this.#keyHashes = keyHashes;
    this.#openPaths = new Set(openPaths);
  }

  static ofKeys(keys: readonly string[], openPaths: readonly string[]): ApiKeyGuard {
    return new ApiKeyGuard(keys.map(sha256), openPaths);
  }

  isOpen(routePath: string): boolean {
    return this.#openPaths.has(routePath);
  }

  /** `authorization` is the header. Takes the same time whichever key is presented. */
  admits(routePath: string, authorization: string | undefined): boolean {
    if (this.isOpen(routePath)) return true;
    const [, key] = BEARER.exec(authorization ?? "") ?? [];
    if (key === undefined) return false;
    const presented = sha256(key);
    return this.#keyHashes.reduce((known, hash) => timingSafeEqual(hash, presented) || known, false);
  }
}

const sha256 = (key: string): Uint8Array => createHash("sha256").update(key).digest();
