import type { Filter } from "../../core/terms.ts";
import { type FilterExpression, FilterType } from "./generated/apache/rocketmq/v2/definition.ts";
import type { Serving } from "./serving.ts";
import type { Session } from "./sessions.ts";

const EVERYTHING: Filter = { type: "TAG", expression: "*" };

/** The filter that a client says. RocketMQ passes over tags that are empty. */
export function filterOf(expression: FilterExpression | undefined): Filter {
  if (!expression || expression.expression.trim() === "") return EVERYTHING;
  if (expression.type === FilterType.SQL) return { type: "SQL92", expression: expression.expression };
  const tags = expression.expression.split("||").filter((tag) => tag.trim() !== "");
  return tags.length === 0 ? EVERYTHING : { type: "TAG", expression: tags.join("||") };
}

interface Declared {
  readonly group: string;
  readonly topic: string;
  readonly filter: Filter;
}

/**
 * Subscribes the client's group as the client says, if it has not said so before. Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND,
 * ILLEGAL_FILTER_EXPRESSION, those of `declareSubscription`.
 */
export async function subscribe({ broker, options, log }: Serving, session: Session, declared: Declared): Promise<void> {
  const { group, topic, filter } = declared;
  if (!session.isNews(group, topic, filter)) return;
  const makeGroup = options.makeGroups ? {} : undefined;
  const { replaced } = await broker.declareSubscription(group, topic, { filter, makeGroup });
  session.declared(group, topic, filter);
  if (!replaced) return;
  log.warn(
    { group, topic, clientId: session.clientId, filter: filter.expression, replaced: replaced.expression },
    "a client replaced its group's filter: clients of one group should have the same",
  );
}
