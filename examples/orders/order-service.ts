// Takes orders over HTTP. An order is accepted when its message is durable.
import { createServer, type IncomingMessage } from "node:http";
import { Apogee, ApogeeError } from "@apogee/client";

interface Order {
  readonly id: string;
  readonly card: string;
  readonly cents: number;
}

const ANSWER_MS_MAX = 5_000;

const orders = new Apogee({ endpoint: process.env.APOGEE_ENDPOINT ?? "http://localhost:8080" }).topic("orders");

/** The order's id makes the send safe to repeat: by the client, by this program after a crash, and by the customer. */
async function accept({ id, card, cents }: Order): Promise<void> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  await orders.send({ id, card, cents }, { tag: "created", keys: [id], messageGroup: card, dedupKey: id, signal });
}

/** `undefined` for what is no order, and for a customer who left in the middle of it. */
async function orderIn(request: IncomingMessage): Promise<Order | undefined> {
  // Half a character may end a chunk.
  request.setEncoding("utf8");
  try {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { id, card, cents } = JSON.parse(text);
    return typeof id === "string" && typeof card === "string" && Number.isInteger(cents) ? { id, card, cents } : undefined;
  } catch {
    return undefined;
  }
}

const server = createServer(async (request, response) => {
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  };
  if (request.method !== "POST" || request.url !== "/orders") return answer(404, { error: "POST /orders is all there is." });
  const order = await orderIn(request);
  if (order === undefined) return answer(400, { error: 'Send {"id", "card", "cents"}.' });
  try {
    await accept(order);
    answer(202, { id: order.id, status: "accepted" });
  } catch (error) {
    console.error(`order ${order.id}:`, error);
    // Nobody knows whether it is stored. The customer sends it again, and it is the same order.
    answer(ApogeeError.is(error) && !error.retryable ? 500 : 503, { error: "Try again." });
  }
});

server.listen(Number(process.env.PORT ?? 3_000), "127.0.0.1", () => console.log("takes orders at", server.address()));
process.once("SIGTERM", () => server.close());
