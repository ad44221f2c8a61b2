import { BrokerError } from "../../core/errors.ts";
import { REQUEST_BYTES_MAX, REQUEST_DISCARD_BYTES_MAX } from "../../core/limits.ts";

const NO_BYTES = Buffer.alloc(0);

const bodyTooLarge = (): BrokerError =>
  new BrokerError("MESSAGE_BODY_TOO_LARGE", `A request may have ${REQUEST_BYTES_MAX} bytes; send large payloads one by one.`);

export const bodyEndedEarly = (): BrokerError => new BrokerError("BAD_REQUEST", "The connection ended before the body did.");

/**
 * Gathers the chunks of one body. A body that is too large, or for which memory is short, is dropped but still read for a while: a
 * client that is still writing then sees the answer.
 */
export class BodyCollector {
  readonly #take: (bytes: number) => boolean;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #bytes = 0;
  #failure: BrokerError | undefined;

  /** `declaredBytes` is the Content-Length, or NaN. */
  constructor(declaredBytes: number, take: (bytes: number) => boolean) {
    this.#take = take;
    if (declaredBytes > REQUEST_BYTES_MAX) this.#failure = bodyTooLarge();
  }

  /** False once enough has been read: answer now. */
  add(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#failure === undefined) {
      if (this.#bytes > REQUEST_BYTES_MAX) this.#drop(bodyTooLarge());
      else if (!this.#take(chunk.length)) this.#drop(new BrokerError("SERVER_BUSY", "Too many request bodies are in flight."));
      else if (this.#first === undefined) this.#first = chunk;
      else if (this.#more === undefined) this.#more = [this.#first, chunk];
      else this.#more.push(chunk);
    }
    return this.#failure === undefined || this.#bytes <= REQUEST_DISCARD_BYTES_MAX;
  }

  /** The body. Errors: the body's failure. */
  finish(): Buffer {
    if (this.#failure) throw this.#failure;
    return this.#more ? Buffer.concat(this.#more, this.#bytes) : (this.#first ?? NO_BYTES);
  }

  #drop(failure: BrokerError): void {
    this.#failure = failure;
    this.#first = undefined;
    this.#more = undefined;
  }
}
