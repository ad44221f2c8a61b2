import type { AskProducer, ProducersAnswer } from "../../../core/transaction/ask-producer.ts";
import type { World } from "../world.ts";
import { textOf } from "./delivery.ts";
import type { TransactionAuditor } from "./transaction-auditor.ts";

const TROUBLE: readonly ProducersAnswer[] = [
  { failure: "The endpoint did not answer within 5000 ms." },
  { failure: "The endpoint answered 404.", endpoint: "answered" },
  { failure: "Too many webhooks are under way.", endpoint: "notCalled" },
];
const RESOLUTIONS = ["unknown", "unknown", "commit", "rollback"] as const;
const THINKS_MS_MAX = { well: 400, ill: 5_000 } as const;

/** The endpoints of producer groups. While they are ill, they fail and are slow. */
export const simulatedEndpoint =
  (world: World, transactions: TransactionAuditor, ill: () => boolean): AskProducer =>
  async (check) => {
    const { random } = world;
    const text = textOf(check.message.body);
    const trouble = ill() && random.chance(0.5) ? random.pick(TROUBLE) : undefined;
    if (trouble && "endpoint" in trouble && trouble.endpoint === "notCalled") return trouble;
    transactions.isPosted(text, check);
    await world.sleep(random.integer(5, THINKS_MS_MAX[ill() ? "ill" : "well"]));
    if (trouble) return trouble;
    const resolution = random.pick(RESOLUTIONS);
    if (resolution !== "unknown") transactions.decides(text, resolution);
    return { resolution };
  };
