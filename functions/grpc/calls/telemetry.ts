import type { ServerDuplexStream } from "@grpc/grpc-js";
import { BrokerError } from "../../../core/errors.ts";
import { isSystemTopic } from "../../../core/names.ts";
import type { ConsumerGroup, Topic } from "../../../core/terms.ts";
import { consumerSettings, producerSettings, traitsOf } from "../client-settings.ts";
import { ClientType, Code, type Settings, type Subscription } from "../generated/apache/rocketmq/v2/definition.ts";
import type { TelemetryCommand } from "../generated/apache/rocketmq/v2/service.ts";
import { groupName, topicName } from "../names.ts";
import type { Serving } from "../serving.ts";
import type { Session } from "../sessions.ts";
import { OK, RefusedCall } from "../status.ts";
import { filterOf, subscribe } from "../subscriptions.ts";
import { msOf } from "../times.ts";

/** Topics and subscriptions in one client's settings. */
const ENTRIES_MAX = 1_000;

export type TelemetryStream = ServerDuplexStream<TelemetryCommand, TelemetryCommand>;

/** Answers a command of a client; `undefined` where there is nothing to say. Errors: those of the settings. */
export async function answerTelemetry(
  serving: Serving,
  session: Session,
  { command }: TelemetryCommand,
): Promise<TelemetryCommand | undefined> {
  if (command?.$case !== "settings") return undefined;
  const settings = command.value;
  const { pubSub } = settings;
  if (!pubSub) throw new RefusedCall(Code.BAD_REQUEST, "The settings are neither of a producer nor of a consumer.");
  const value =
    pubSub.$case === "publishing"
      ? await producer(serving, session, settings, pubSub.value)
      : await consumer(serving, session, settings, pubSub.value);
  return { status: OK, command: { $case: "settings", value } };
}

async function producer(
  serving: Serving,
  session: Session,
  settings: Settings,
  publishing: Parameters<typeof producerSettings>[1],
): Promise<Settings> {
  const names = entriesOf(publishing.topics).map(topicName);
  for (const name of names) {
    const topic = await existing(serving, name);
    if (!isSystemTopic(name) && (topic?.type === "TRANSACTION" || topic?.type === "MIXED")) serving.checks.add(session, name);
  }
  return producerSettings(settings, publishing);
}

async function consumer(serving: Serving, session: Session, settings: Settings, subscription: Subscription): Promise<Settings> {
  const group = groupName(subscription.group);
  session.isPush = settings.clientType === ClientType.PUSH_CONSUMER;
  session.pollMs = subscription.longPollingTimeout && msOf(subscription.longPollingTimeout);
  let ordersSome = false;
  for (const { topic: resource, expression } of entriesOf(subscription.subscriptions)) {
    const name = topicName(resource);
    const topic = await existing(serving, name);
    // A topic that is absent is refused where the client asks for its route.
    if (!topic) continue;
    ordersSome ||= topic.type === "FIFO";
    await subscribe(serving, session, { group, topic: name, filter: filterOf(expression) });
  }
  const made = await groupOrMade(serving, group);
  session.mistakesSeconds = !traitsOf(session.language).takesLists;
  session.backoffSecondsMax = longestSeconds(made);
  return consumerSettings(settings, subscription, made, { fifo: made.ordered || ordersSome, traits: traitsOf(session.language) });
}

const longestSeconds = ({ backoff }: ConsumerGroup): number =>
  "initialSeconds" in backoff ? backoff.maxSeconds : Math.max(...backoff, 0);

async function groupOrMade({ broker, options }: Serving, name: string) {
  try {
    return (await broker.getGroup(name)).group;
  } catch (error) {
    if (!options.makeGroups || !BrokerError.is(error) || error.code !== "CONSUMER_GROUP_NOT_FOUND") throw error;
    return (await broker.putGroup(name, {})).group;
  }
}

async function existing({ broker }: Serving, name: string): Promise<Topic | undefined> {
  try {
    return await broker.getTopic(name);
  } catch (error) {
    if (BrokerError.is(error) && error.code === "TOPIC_NOT_FOUND") return undefined;
    throw error;
  }
}

function entriesOf<T>(entries: readonly T[]): readonly T[] {
  if (entries.length > ENTRIES_MAX) throw new RefusedCall(Code.BAD_REQUEST, `A client names at most ${ENTRIES_MAX} topics.`);
  return entries;
}
