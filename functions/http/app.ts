import { Hono } from "hono";
import type { Broker } from "../../core/broker.ts";
import type { BrokerError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Random } from "../../core/ports/random.ts";
import type { Signer } from "../../core/ports/signer.ts";
import type { Log } from "../runtime/log.ts";
import type { ApiKeyGuard } from "./access/api-key-guard.ts";
import type { Cors } from "./access/cors.ts";
import type { OpenServer } from "./access/open-server.ts";
import { type AnswerDependencies, answerRefusal, answerRoute } from "./answer.ts";
import { ANY_ANSWER, type AnswerLimits } from "./bounds/answer-limits.ts";
import type { AnswerMemory } from "./bounds/answer-memory.ts";
import type { BackgroundSends } from "./bounds/background-sends.ts";
import type { LongPolls } from "./bounds/long-polls.ts";
import type { RequestMemory } from "./bounds/request-memory.ts";
import { createCursors } from "./cursor.ts";
import type { Inbound } from "./inbound.ts";
import { noRoute, requireResource } from "./no-route.ts";
import { routerPath } from "./route.ts";
import { createRoutes } from "./routes/all-routes.ts";
import { splitTarget } from "./target.ts";
import { webInbound } from "./web-inbound.ts";

export interface AppDependencies {
  readonly broker: Broker;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  /** Signs list cursors. It is stored, so that cursors survive restarts. */
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

/**
 * The HTTP API as a Hono app, the same on every runtime. Each route is one handler without middleware, because Hono then composes no
 * chain per request.
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

/** An app that answers every request that has a key with `error`, for a runtime whose broker did not start. */
export function createRefusingApp(answering: AnswerDependencies, error: BrokerError): Hono {
  const app = createRouter(answering.inbound);
  app.notFound(answerRefusal(answering, () => ({ error })));
  return app;
}

/** The router gets the path undecoded, because "%2F" in a name is no separator. */
const createRouter = (inbound: Inbound): Hono =>
  new Hono({ getPath: (request, options) => splitTarget(inbound.target({ request, env: options?.env })).path });
