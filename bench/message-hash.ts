import { createHash } from "node:crypto";

/** What a reader got of a queue: two readers agree only if each message had the same id, offset, store time and bytes for both. */
export class MessageHash {
  readonly #hash = createHash("sha256");

  add(messageId: string, offset: string, storedAtMs: number, body: string): void {
    this.#hash.update(`${messageId} ${offset} ${storedAtMs} ${body}\n`);
  }

  digest(): string {
    return this.#hash.digest("base64url");
  }
}
