import type { Doorbell } from "../../core/ports/doorbell.ts";
import type { InvokeLater, LambdaPlace } from "./invoke-function.ts";

export interface LambdaDoorbellSettings extends LambdaPlace {
  /** The scanner's name or ARN. */
  readonly functionName: string;
  /** Told why no scanner was rung. */
  readonly onFailure: (error: Error) => void;
  /** How long a sender waits for a ring. Default 1,500: the first one connects. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 1_500;

/** Rings by invoking a function. The SDK's client is loaded with the first ring, because most processes never ring. */
export class LambdaDoorbell implements Doorbell {
  readonly #settings: LambdaDoorbellSettings;
  #invokeLater: InvokeLater | undefined;

  constructor(settings: LambdaDoorbellSettings) {
    this.#settings = settings;
  }

  async ring(): Promise<void> {
    const { functionName, onFailure, timeoutMs = TIMEOUT_MS } = this.#settings;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const { openLambda } = await import("./invoke-function.ts");
      this.#invokeLater ??= openLambda(this.#settings);
      await this.#invokeLater(functionName, signal);
    } catch (error) {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error);
      onFailure(new Error(`function ${functionName} was not invoked: ${reason}`));
    }
  }
}

/** Names the failure without its message, which may quote the signed request and the session's token. */
function reasonOf(error: unknown): string {
  const { name = "unknown", code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  return status === undefined ? (code ?? name) : `${name} (${status})`;
}

interface SdkError {
  readonly name?: string;
  /** Code of a network error. */
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}
