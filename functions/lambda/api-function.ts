import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import type { Hono } from "hono";
import { ApiKeyGuard } from "../http/access/api-key-guard.ts";
import { Cors } from "../http/access/cors.ts";
import type { AnswerDependencies } from "../http/answer.ts";
import { createApp, createRefusingApp } from "../http/app.ts";
import type { AnswerLimits } from "../http/bounds/answer-limits.ts";
import { BackgroundSends } from "../http/bounds/background-sends.ts";
import { LongPolls } from "../http/bounds/long-polls.ts";
import { RequestMemory } from "../http/bounds/request-memory.ts";
import { toBrokerError } from "../http/problem.ts";
import { OPEN_DOCUMENTATION_PATHS } from "../http/routes/documentation.ts";
import { systemClock } from "../runtime/clock.ts";
import { createEventLog } from "../runtime/event-log.ts";
import { API_SETTINGS, type ApiSettings, KEY_HASHES_SETTING } from "../runtime/function-settings.ts";
import { lazily } from "../runtime/lazily.ts";
import { createSyncLog, type Log } from "../runtime/log.ts";
import { createSystemRandom } from "../runtime/random.ts";
import { type Environment, readSetting, readTable } from "../runtime/settings.ts";
import { hmacSigner } from "../runtime/signer.ts";
import { webhookTargetsOf } from "../runtime/webhook-settings.ts";
import type { BrokerStores } from "../stores/broker-stores.ts";
import type { OpenDoorbell } from "../stores/scanner-doorbell.ts";
import { startBroker } from "../stores/start-broker.ts";
import { functionUrlInbound, requestOf, resultOf } from "./function-url.ts";

const MIB = 1_024 * 1_024;
/** A function takes one request at a time, of at most 6 MB. */
const REQUEST_MEMORY_BYTES = 64 * MIB;
/**
 * Lambda takes results of 6,291,556 bytes, with the body as a string in JSON. A page of 2.5 MiB fits in base64 with the most and worst
 * escaped properties that 32 messages can have. So does one message of 4 MiB.
 */
const ANSWERS: AnswerLimits = { streams: false, pageBytesMax: 2.5 * MIB, quotedBytesMax: 6_200_000 };
/** The part of an invocation that is left when its waiting ends: time to answer. */
const ANSWER_MS = 2_000;

export type ApiContext = Pick<Context, "awsRequestId" | "getRemainingTimeInMillis">;

export interface ApiFunction {
  /** Prepares the broker before the first request. Never fails: a request tries again. */
  warmUp(): Promise<void>;
  handler(event: APIGatewayProxyEventV2, context: ApiContext): Promise<APIGatewayProxyStructuredResultV2>;
}

/** The HTTP API behind a function URL. If `openStores` or the broker fails, a later request opens the stores again. */
export function createApiFunction(options: {
  readonly environment: Environment;
  readonly openStores: (settings: ApiSettings) => BrokerStores;
  readonly openDoorbell: OpenDoorbell;
  /** Default: standard output. */
  readonly log?: Log;
}): ApiFunction {
  const log = options.log ?? createSyncLog();
  const random = createSystemRandom();
  const guard = readGuard(options.environment, log);
  const memory = new RequestMemory(REQUEST_MEMORY_BYTES);
  const answering: AnswerDependencies = { inbound: functionUrlInbound, random, log, memory, guard };
  const background = new BackgroundSends((error) => log.error({ err: error }, "a one-way message was not stored"));

  const events = createEventLog(log);

  const app = lazily(async (): Promise<Hono> => {
    const settings = readTable(API_SETTINGS, options.environment);
    log.level = settings.logLevel;
    const doorbell = options.openDoorbell(settings, (error) => log.warn({ err: error }, "the scanner was not rung"));
    const broker = await startBroker(options.openStores(settings), {
      random,
      doorbell,
      events,
      timerShards: settings.timerShards,
      webhookTargets: webhookTargetsOf(settings),
    });
    return createApp({
      ...answering,
      broker,
      clock: systemClock,
      signer: hmacSigner,
      cursorKey: broker.signingKey,
      longPolls: new LongPolls(settings.longPollSecondsMax * 1_000),
      background,
      cors: new Cors(settings.corsOrigins),
      answers: ANSWERS,
    });
  });
  const appOrRefusal = (): Promise<Hono> =>
    app().catch((error: unknown) => {
      log.error({ err: error }, "the broker did not start");
      return createRefusingApp(answering, toBrokerError(error));
    });

  return {
    warmUp: () => app().then(noop, noop),
    async handler(event, context) {
      const waiting = new AbortController();
      const timer = setTimeout(() => waiting.abort(), Math.max(0, context.getRemainingTimeInMillis() - ANSWER_MS));
      try {
        const answerer = await appOrRefusal();
        const response = await answerer.fetch(requestOf(event, waiting.signal), { event, context });
        const result = await resultOf(response);
        // The process freezes once it has answered, with everything that is still running.
        await background.idle();
        events.flush();
        return result;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

const noop = (): void => undefined;

/** Without a usable hash nobody is admitted. */
function readGuard(environment: Environment, log: Log): ApiKeyGuard {
  try {
    return new ApiKeyGuard(readSetting(KEY_HASHES_SETTING, environment), OPEN_DOCUMENTATION_PATHS);
  } catch (error) {
    log.error({ err: error }, "no request will be admitted");
    return new ApiKeyGuard([]);
  }
}
