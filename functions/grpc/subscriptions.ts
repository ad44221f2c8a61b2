import { BrokerError } from "../../core/errors.ts";
import type { Filter } from "../../core/terms.ts";
import { type FilterExpression, FilterType } from "./generated/apache/rocketmq/v2/definition.ts";
import type { Serving } from "./serving.ts";
import type { Session } from "./sessions.ts";

export const filterOf = (expression: FilterExpression | undefined): Filter => ({
  type: expression?.type === FilterType.SQL ? "SQL92" : "TAG",
  expression: expression?.expression || "*",
});

/** Subscribes the client's group as the client says, if that is news. Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, ILLEGAL_FILTER_EXPRESSION. */
export async function subscribe(
  serving: Serving,
  session: Session,
  { group, topic, filter }: { group: string; topic: string; filter: Filter },
) {
  if (!session.isNews(group, topic, filter)) return;
  const { broker, options, log } = serving;
  const found = await broker.getTopic(topic);
  try {
    await broker.putSubscription(group, topic, { filter, startFrom: "earliest" });
  } catch (error) {
    if (!options.makeGroups || !BrokerError.is(error) || error.code !== "CONSUMER_GROUP_NOT_FOUND") throw error;
    await broker.putGroup(group, { ordered: found.type === "FIFO" });
    await broker.putSubscription(group, topic, { filter, startFrom: "earliest" });
  }
  void log;
  session.declared(group, topic, filter);
}
