import type { Route } from "../route.ts";
import { clientRoutes } from "./clients.ts";
import { committedOffsetRoutes } from "./committed-offsets.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { documentationRoutes } from "./documentation.ts";
import { groupRoutes } from "./groups.ts";
import { lagRoutes } from "./lag.ts";
import { messageRoutes } from "./messages.ts";
import { offsetRoutes } from "./offsets.ts";
import { operationRoutes } from "./operations.ts";
import { producerGroupRoutes } from "./producer-groups.ts";
import { publishRoutes } from "./publish.ts";
import { pullRoutes } from "./pull.ts";
import { queryRoutes } from "./queries.ts";
import { receiveRoutes } from "./receive.ts";
import type { RouteDependencies } from "./route-dependencies.ts";
import { scheduledRoutes } from "./scheduled.ts";
import { storeRoutes } from "./store.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { topicRoutes } from "./topics.ts";
import { transactionRoutes } from "./transactions.ts";

/** Every endpoint, in the order the documentation shows them. */
export function createRoutes(dependencies: RouteDependencies): readonly Route[] {
  const routes = [
    ...topicRoutes(dependencies),
    ...groupRoutes(dependencies),
    ...subscriptionRoutes(dependencies),
    ...clientRoutes(dependencies),
    ...lagRoutes(dependencies),
    ...committedOffsetRoutes(dependencies),
    ...offsetRoutes(dependencies),
    ...messageRoutes(dependencies),
    ...publishRoutes(dependencies),
    ...scheduledRoutes(dependencies),
    ...transactionRoutes(dependencies),
    ...producerGroupRoutes(dependencies),
    ...pullRoutes(dependencies),
    ...queryRoutes(dependencies),
    ...receiveRoutes(dependencies),
    ...deadLetterRoutes(dependencies),
    ...storeRoutes(dependencies),
    ...operationRoutes(dependencies),
  ];
  return [...routes, ...documentationRoutes(routes)];
}
