import type { AskProducer } from "../../../../core/transaction/ask-producer.ts";
import type { World } from "../../world.ts";
import { textOf } from "../delivery.ts";
import type { AskAuditor } from "./ask-auditor.ts";
import type { Manner } from "./plan.ts";

const PROMPT_MS_MAX = 300;
/** Just within a webhook's deadline, and the deadline. */
const SLOW_MS = 4_900;
const DEADLINE_MS = 5_000;

/** All endpoints. Each answers in the manner of its group. */
export const simulatedEndpoints =
  (world: World, asks: AskAuditor, mannerOf: (producerGroup: string) => Manner): AskProducer =>
  async (check) => {
    const { random } = world;
    const text = textOf(check.message.body);
    const manner = mannerOf(check.producerGroup);
    asks.isAsked(text, check);
    if (manner === "dead" || (manner === "flaky" && random.chance(0.4))) {
      await world.sleep(DEADLINE_MS);
      return { failure: "The endpoint did not answer within 5000 ms." };
    }
    await world.sleep(manner === "slow" ? SLOW_MS : random.integer(5, PROMPT_MS_MAX));
    if (manner === "flaky" && random.chance(0.3)) return { failure: "The endpoint answered 500." };
    const resolution = asks.verdictOf(text, check.checkNumber);
    asks.isAnswered(text, resolution);
    return { resolution };
  };
