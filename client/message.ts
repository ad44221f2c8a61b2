import type { components } from "./api-types.ts";
import { fromBase64 } from "./body.ts";

type Schemas = components["schemas"];
export type WireMessage = Schemas["StoredMessage"];
type CheckedMessage = Schemas["CheckedMessage"];

/** A message as the broker stored it: the fields of its answer, and the body in the form that is wanted. */
export class Message<Value = unknown> implements CheckedMessage {
  declare readonly messageId: string;
  declare readonly topic: string;
  declare readonly tag: string | null;
  declare readonly keys: readonly string[];
  declare readonly properties: Readonly<Record<string, string>>;
  declare readonly messageGroup: string | null;
  declare readonly priority?: number;
  /** RFC 3339, as all times of answers. */
  declare readonly bornAt: string;
  declare readonly storedAt: string;
  declare readonly body: string;
  /** `utf8` where the bytes are text, else `base64`. */
  declare readonly bodyEncoding: Schemas["StoredBodyEncoding"];
  #value: { readonly value: Value } | undefined;

  constructor(wire: CheckedMessage) {
    Object.assign(this, wire);
  }

  text(): string {
    return this.bodyEncoding === "base64" ? new TextDecoder().decode(fromBase64(this.body)) : this.body;
  }

  bytes(): Uint8Array {
    return this.bodyEncoding === "base64" ? fromBase64(this.body) : new TextEncoder().encode(this.body);
  }

  /** What the consumer's schema made of the body, and without one the body as JSON. Errors: a `SyntaxError` where it is no JSON. */
  json(): Value {
    this.#value ??= { value: JSON.parse(this.text()) as Value };
    return this.#value.value;
  }

  /** Sets what `json` answers. */
  hold(value: Value): void {
    this.#value = { value };
  }
}

/** A message with its place in a queue. */
export class StoredMessage extends Message implements WireMessage {
  declare readonly queueId: number;
  declare readonly offset: string;
}
