import { Hono } from "hono";
import type { Broker } from "../../core/broker.ts";
import type { BrokerError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Random } from "../../core/ports/random.ts";
import type { Signer } from "../../core/ports/signer.ts";
import type { Log } from "../runtime/log.ts";
import { type AnswerDependencies, answerRefusal, answerRoute } from "./answer.ts";
import { ANY_ANSWER, type AnswerLimits } from "./answer-limits.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import type { ApiKeyGuard } from "./api-key-guard.ts";
import type { BackgroundSends } from "./background-sends.ts";
import type { Cors } from "./cors.ts";
import { type Cursors, createCursors } from "./cursor.ts";
import type { Inbound } from "./inbound.ts";
import type { LongPolls } from "./long-polls.ts";
import { noRoute, requireResource } from "./no-route.ts";
import type { OpenServer } from "./open-server.ts";
import type { RequestMemory } from "./request-memory.ts";
import { type Route, routerPath } from "./route.ts";
import { clientRoutes } from "./routes/clients.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { documentationRoutes } from "./routes/documentation.ts";
import { groupRoutes } from "./routes/groups.ts";
import { lagRoutes } from "./routes/lag.ts";
import { messageRoutes } from "./routes/messages.ts";
import { offsetRoutes } from "./routes/offsets.ts";
import { operationRoutes } from "./routes/operations.ts";
import { producerGroupRoutes } from "./routes/producer-groups.ts";
import { publishRoutes } from "./routes/publish.ts";
import { pullRoutes } from "./routes/pull.ts";
import { receiveRoutes } from "./routes/receive.ts";
import { scheduledRoutes } from "./routes/scheduled.ts";
import { storeRoutes } from "./routes/store.ts";
import { subscriptionRoutes } from "./routes/subscriptions.ts";
import { topicRoutes } from "./routes/topics.ts";
import { transactionRoutes } from "./routes/transactions.ts";
import { splitTarget } from "./target.ts";
import { webInbound } from "./web-inbound.ts";

/** What the routes work with. */
export interface RouteDependencies {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Log;
  readonly cursors: Cursors;
  readonly longPolls: LongPolls;
  readonly background: BackgroundSends;
  readonly answers: AnswerLimits;
  /** Absent where answers are handed over whole, one at a time. */
  readonly answerMemory: AnswerMemory | undefined;
}

export interface AppDependencies {
  readonly broker: Broker;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  /** Signs list cursors; stored, so that they survive restarts. */
  readonly cursorKey: Uint8Array;
  readonly longPolls: LongPolls;
  readonly background: BackgroundSends;
  readonly memory: RequestMemory;
  readonly answerMemory?: AnswerMemory | undefined;
  /** Default: the web's Request, which every runtime has. */
  readonly inbound?: Inbound;
  /** Absent: no request needs a key. */
  readonly guard?: ApiKeyGuard | undefined;
  readonly openServer?: OpenServer | undefined;
  readonly cors?: Cors | undefined;
  /** Default: none. */
  readonly answers?: AnswerLimits;
}

/** Every endpoint, in the order the documentation shows them. */
export function createRoutes(dependencies: RouteDependencies): readonly Route[] {
  const routes = [
    ...topicRoutes(dependencies),
    ...groupRoutes(dependencies),
    ...subscriptionRoutes(dependencies),
    ...clientRoutes(dependencies),
    ...lagRoutes(dependencies),
    ...offsetRoutes(dependencies),
    ...messageRoutes(dependencies),
    ...publishRoutes(dependencies),
    ...scheduledRoutes(dependencies),
    ...transactionRoutes(dependencies),
    ...producerGroupRoutes(dependencies),
    ...pullRoutes(dependencies),
    ...receiveRoutes(dependencies),
    ...deadLetterRoutes(dependencies),
    ...storeRoutes(dependencies),
    ...operationRoutes(dependencies),
  ];
  return [...routes, ...documentationRoutes(routes)];
}

/**
 * The HTTP API as a Hono app, the same on every runtime. Each route is one handler without middleware: Hono answers those
 * without composing a chain per request.
 */
export function createApp(dependencies: AppDependencies): Hono {
  const { broker, clock, log, longPolls, background, guard, openServer, cors, random, memory } = dependencies;
  const { answers = ANY_ANSWER, answerMemory } = dependencies;
  const inbound = dependencies.inbound ?? webInbound;
  const cursors = createCursors({ signer: dependencies.signer, key: dependencies.cursorKey, clock });
  const routes = createRoutes({ broker, clock, log, cursors, longPolls, background, answers, answerMemory });
  const answering = { inbound, random, log, memory, guard, openServer, cors, broker };
  const app = createRouter(inbound);
  for (const route of routes) app.on(route.method, routerPath(route.path), answerRoute(route, answering));
  app.notFound(
    answerRefusal(answering, async (c, path) => {
      await requireResource(broker, path);
      return noRoute(app, routes, c.req.method, path);
    }),
  );
  return app;
}

/** An app that answers every request with `error`, to those who carry a key: for a runtime whose broker did not start. */
export function createRefusingApp(answering: AnswerDependencies, error: BrokerError): Hono {
  const app = createRouter(answering.inbound);
  app.notFound(answerRefusal(answering, () => ({ error })));
  return app;
}

/** The router gets the path undecoded: "%2F" in a name is no separator. */
const createRouter = (inbound: Inbound): Hono =>
  new Hono({ getPath: (request, options) => splitTarget(inbound.target({ request, env: options?.env })).path });
