// Charges orders. SIGTERM drains it: what has begun is finished, what has not is left to other workers.
import { Apogee, Reject } from "@apogee/client";
import { z } from "zod";

const Order = z.object({ id: z.string(), card: z.string(), cents: z.number().int().positive() });
type Order = z.infer<typeof Order>;

const declined = new Set((process.env.DECLINED ?? "0000").split(","));

/** Stands for a payment service. Its idempotency key keeps a card from being charged twice when a message comes twice. */
async function charge({ id, card, cents }: Order, _idempotencyKey: string): Promise<void> {
  if (declined.has(card)) throw new Reject(`card ${card} was declined`);
  console.log(`charged ${cents} cents to ${card} for order ${id}`);
}

const consumer = new Apogee({ endpoint: process.env.APOGEE_ENDPOINT ?? "http://localhost:8080" }).consumer("billing", {
  schema: Order,
});

// Returning acks, Reject makes a dead letter, and any other error gives the message back for a later attempt.
await consumer.run(async (message) => charge(message.json(), message.messageId), { concurrency: 32 });
console.log("drained");
