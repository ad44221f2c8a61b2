import { afterAll, describe } from "vitest";
import { ackTests } from "./acks.ts";
import { clientTests } from "./clients.ts";
import { leaseTests } from "./leases.ts";
import { pullTests } from "./pulls.ts";
import { receiveTests } from "./receives.ts";
import { routeTests } from "./routes.ts";
import { sendLimitTests } from "./send-limits.ts";
import { sendTests } from "./sends.ts";
import { type GrpcTarget, Surroundings } from "./surroundings.ts";
import { telemetryTests } from "./telemetry.ts";
import { transactionTests } from "./transactions.ts";

/**
 * Declares the tests that every server of RocketMQ's clients passes, call by call. They know two addresses and nothing else, and make
 * topics and groups under names of their own.
 */
export function runGrpcConformance(target: GrpcTarget): void {
  const grpc = new Surroundings(target);
  afterAll(() => grpc.close());
  // Most of them wait, for a lease or a delay: together they take no longer than the slowest.
  describe.concurrent("MessagingService", () => {
    routeTests(grpc);
    telemetryTests(grpc);
    sendTests(grpc);
    sendLimitTests(grpc);
    receiveTests(grpc);
    ackTests(grpc);
    leaseTests(grpc);
    transactionTests(grpc);
    pullTests(grpc);
    clientTests(grpc);
  });
}
