import { BrokerError } from "../errors.ts";
import type { MessageInput } from "../terms.ts";
import { DELAY_MS_MAX } from "./timer-limits.ts";

/** When a message is due; `undefined`: at once. Errors: ILLEGAL_DELIVERY_TIME beyond ten years. */
export function deliveryTimeMs({ deliverAtMs, delayMs }: MessageInput, nowMs: number): number | undefined {
  const dueMs = deliverAtMs ?? (delayMs === undefined ? undefined : nowMs + delayMs);
  if (dueMs === undefined || dueMs <= nowMs) return undefined;
  checkDeliveryTime(dueMs, nowMs);
  return dueMs;
}

/** Errors: ILLEGAL_DELIVERY_TIME. */
export function checkDeliveryTime(dueMs: number, nowMs: number): void {
  if (dueMs - nowMs > DELAY_MS_MAX)
    throw new BrokerError("ILLEGAL_DELIVERY_TIME", "A message can be delayed by ten years at most.");
}

/** Whether the producer asked for a delay, even if that delay is over. */
export const isDelayed = ({ deliverAtMs, delayMs }: MessageInput): boolean => deliverAtMs !== undefined || delayMs !== undefined;
