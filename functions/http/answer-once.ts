import type { Broker } from "../../core/broker.ts";
import type { KeyedRequest } from "../../core/idempotency/known-request.ts";
import type { KeyedWork } from "../../core/idempotency/run-once.ts";
import type { Reply } from "./reply.ts";

/** The kept answer to a repeat: `[status, headers, body]` as JSON. */
type KeptReply = readonly [number, Reply["headers"] | null, string | null];

const encode = ({ status, headers, body }: Reply): Uint8Array | undefined => {
  if (body !== null && typeof body !== "string") return undefined;
  return Buffer.from(JSON.stringify([status, headers ?? null, body] satisfies KeptReply));
};

function decode(bytes: Uint8Array): Reply {
  const [status, headers, body] = JSON.parse(Buffer.from(bytes).toString()) as KeptReply;
  return { status, headers: headers ?? undefined, body };
}

/**
 * The reply of `run`, or the kept reply of the same request. `restore` makes a reply again from its outline.
 * Errors: REQUEST_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED, those of `run`.
 */
export async function answerOnce(
  broker: Pick<Broker, "runOnce">,
  request: KeyedRequest,
  run: () => Promise<Reply>,
  restore?: (outline: string) => Promise<Reply>,
): Promise<Reply> {
  const work: KeyedWork<Reply> = {
    run,
    isFinal: ({ unfinished }) => !unfinished,
    encode,
    decode,
    outlines: restore && {
      of: ({ outline = "" }) => Buffer.from(outline),
      restore: (outline) => restore(Buffer.from(outline).toString()),
    },
  };
  const { result, replayed } = await broker.runOnce(request, work);
  return replayed ? { ...result, headers: { ...result.headers, "Idempotency-Replayed": "true" } } : result;
}
