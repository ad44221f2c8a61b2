import type { Events } from "../ports/events.ts";
import type { Reading } from "../ports/reading.ts";
import type { Producing } from "../produce/producing.ts";
import { answering } from "../store/store-errors.ts";
import type { CheckTimer } from "../timer/timer.ts";
import type { WebhookTargets } from "../webhooks/webhook-targets.ts";
import type { AskProducer } from "./ask-producer.ts";
import { checksDue } from "./checks-due.ts";
import { endTransaction } from "./end-transaction.ts";
import { EndpointStates } from "./endpoint-states.ts";
import { Endpoints } from "./endpoints.ts";
import { getTransaction } from "./get-transaction.ts";
import { listTransactions } from "./list-transactions.ts";
import { PostedChecks } from "./posted-checks.ts";
import { ProducerGroupRegistry } from "./producer-group-registry.ts";
import { receiveChecks } from "./receive-checks.ts";
import { sendHalfMessage } from "./send-half-message.ts";
import type { Transactions } from "./transactions.ts";

export interface TransactionDependencies {
  /** Posts checks to the endpoints of producer groups. Absent: producers must receive their checks. */
  readonly askProducer?: AskProducer | undefined;
  /** Which endpoints are allowed. Default: public ones over HTTPS. */
  readonly webhookTargets?: WebhookTargets | undefined;
}

const PUBLIC_HTTPS: WebhookTargets = { allowHttp: false, allowedRanges: [] };

/** The transaction part of a broker: its verbs, and the functions that the timer scanner calls. */
export function createTransactions(
  producing: Producing & { readonly reading: Reading },
  { askProducer, webhookTargets = PUBLIC_HTTPS }: TransactionDependencies,
  hearers: { readonly events: Events; readonly onFailure: (error: unknown) => void },
) {
  const producerGroups = new ProducerGroupRegistry(producing, webhookTargets);
  const states = new EndpointStates(producing);
  const postedChecks = new PostedChecks(producing, { producerGroups, endpoints: new Endpoints(states) }, askProducer, hearers);
  const checking = { ...producing, ...hearers, producerGroups, postedChecks };
  const verbs: Transactions = {
    sendHalfMessage: (topic, message, options) => answering(() => sendHalfMessage(producing, topic, message, options)),
    endTransaction: (id, resolution, options) => answering(() => endTransaction(producing, id, resolution, options)),
    getTransaction: (id) => answering(() => getTransaction(producing, id)),
    listTransactions: (request) => answering(() => listTransactions(producing, request)),
    receiveChecks: (group, request, signal) => answering(() => receiveChecks(producing, group, request, signal)),
    listProducerGroups: (request) =>
      answering(async () => {
        const page = await producerGroups.list(request);
        return { ...page, items: await states.showAll(page.items) };
      }),
    getProducerGroup: (name) => answering(async () => states.show(await producerGroups.get(name))),
    putProducerGroup: (name, settings, match) =>
      answering(async () => {
        const put = await producerGroups.put(name, settings, match);
        return { ...put, group: await states.show(put.group) };
      }),
    deleteProducerGroup: (name, match) => answering(() => producerGroups.remove(name, match)),
  };
  return {
    verbs,
    checksDue: (timers: readonly CheckTimer[]) => checksDue(checking, timers),
    /** How many checks of transactions this process did not post to their endpoints. */
    notPosted: () => postedChecks.notPosted,
    /** Resolves when the checks under way are answered. Checks whose turn has not come by `untilMs` are noted as not posted. */
    finishChecks: (untilMs: number) => postedChecks.finish(untilMs),
  };
}
