import { suggestion } from "../../core/names.ts";

/** A longer name is no misspelling. */
const NAME_CHARS_MAX = 64;

/** Names that other brokers and HTTP libraries use for these fields, if the letters differ too much. All in lower case. */
const NAMES_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  body: ["messagebody", "payload", "data", "value", "content", "message"],
  deliverAt: ["notbefore", "deliverytimestamp", "deliveryat", "scheduledat", "scheduledenqueuetime"],
  delaySeconds: ["delay", "delaytime", "delaytimelevel", "visibilitytimeout", "invisibleduration"],
  dedupKey: ["messagededuplicationid", "deduplicationid", "uniquekey"],
  filter: ["filterexpression", "expression", "tags", "subexpression"],
  leaseSeconds: ["visibilitytimeout", "invisibleduration", "lease", "leasetime", "ackwaitseconds", "ackdeadlineseconds"],
  max: ["maxmessages", "maxnumberofmessages", "maxmessagenum", "batchsize", "count", "limit"],
  maxAttempts: ["maxreceivecount", "maxdeliver", "maxretries", "maxreconsumetimes"],
  messageGroup: ["messagegroupid", "shardingkey", "orderingkey", "partitionkey"],
  properties: ["attributes", "messageattributes", "userproperties", "headers"],
  queues: ["partitions", "numpartitions", "shards"],
  receiptHandle: ["handle", "ackid"],
  receiptHandles: ["handles", "ackids"],
  waitSeconds: ["waittimeseconds", "wait", "timeout", "awaitduration"],
  "x-mq-delay": ["x-mq-delay-seconds"],
  "x-mq-group": ["x-mq-message-group"],
  "x-mq-property-{name}": ["x-mq-properties"],
};

/** " Did you mean 'tag'?", or "" if none of `known` is near. */
export function nearestName(name: string, known: readonly string[]): string {
  if (name.length > NAME_CHARS_MAX) return "";
  const lower = name.toLowerCase();
  const meant = known.find((one) => Object.hasOwn(NAMES_ELSEWHERE, one) && NAMES_ELSEWHERE[one]?.includes(lower));
  return meant === undefined ? suggestion(name, known) : ` Did you mean '${meant}'?`;
}
