import { describe } from "vitest";
import { Api, type Target } from "../support/http/http-api.ts";
import { clientTests } from "./clients.ts";
import { conventionTests } from "./conventions.ts";
import { deadLetterTests } from "./dead-letters.ts";
import { delayedTests } from "./delayed.ts";
import { errorTests } from "./errors.ts";
import { exampleTests } from "./examples.ts";
import { groupTests } from "./groups.ts";
import { hostileInputTests } from "./hostile-input.ts";
import { idempotencyTests } from "./idempotency.ts";
import { lagTests } from "./lag.ts";
import { leaseTests } from "./leases.ts";
import { oddRequestTests } from "./odd-requests.ts";
import { offsetTests } from "./offsets.ts";
import { onceTests } from "./once.ts";
import { openServerTests } from "./open-server.ts";
import { operationTests } from "./operations.ts";
import { pauseTests } from "./pause.ts";
import { publishTests } from "./publish.ts";
import { pullTests } from "./pull.ts";
import { queryTests } from "./queries.ts";
import { receiveTests } from "./receive.ts";
import { resetTests } from "./reset.ts";
import { sendTests } from "./send.ts";
import { settleTests } from "./settle.ts";
import { subscriptionTests } from "./subscriptions.ts";
import { topicTests } from "./topics.ts";
import { transactionTests } from "./transactions.ts";
import { unbuiltTests } from "./unbuilt.ts";

/**
 * Declares the tests that any server of the protocol passes, by section of PROTOCOL.md. They know a base URL and nothing else,
 * make topics and groups under names of their own, and may run against a server that others use.
 */
export function runConformanceTests(target: Target): void {
  const api = new Api({ ...target, described: true });
  // Most of them wait, for a lease or a delay: together they take no longer than the slowest.
  describe.concurrent("PROTOCOL", () => {
    conventionTests(api);
    topicTests(api);
    groupTests(api);
    subscriptionTests(api);
    clientTests(api);
    sendTests(api);
    publishTests(api);
    delayedTests(api);
    transactionTests(api);
    onceTests(api);
    pullTests(api);
    receiveTests(api);
    leaseTests(api);
    settleTests(api);
    deadLetterTests(api);
    lagTests(api);
    pauseTests(api);
    resetTests(api);
    offsetTests(api);
    queryTests(api);
    idempotencyTests(api);
    errorTests(api);
    unbuiltTests(api);
    hostileInputTests(api);
    oddRequestTests(api);
    operationTests(api);
    openServerTests(api);
    exampleTests(api);
  });
}
