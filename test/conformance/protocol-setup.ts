import type { ExampleServer } from "../support/http/example-server.ts";

/** What must be there before the examples of a section of PROTOCOL, besides what the examples before it left. */
export const SETUP: Readonly<Record<string, (server: ExampleServer) => Promise<void>>> = {
  "3.3": async ({ done }) => {
    await done("POST", "/v1/topics/orders/messages", { body: '{"id":6}' });
  },
  "3.5": async ({ done }) => {
    await done("POST", "/v1/groups/billing/resume");
  },
  "3.9": async ({ done }) => {
    await done("PUT", "/v1/groups/stock");
    await done("PUT", "/v1/groups/stock/subscriptions/orders", { startFrom: "earliest" });
  },
  "4.4": async ({ done }) => {
    await done("PUT", "/v1/topics/alerts", { type: "PRIORITY" });
  },
  "4.5": async ({ done }) => {
    await done("PUT", "/v1/topics/reminders", { type: "DELAY" });
  },
  "4.9": async ({ done }) => {
    await done("PUT", "/v1/topics/transfers", { type: "TRANSACTION" });
  },
  "4.10": async ({ done, pass }) => {
    await done("POST", "/v1/topics/transfers/transactions", { body: "20 EUR from A to C", producerGroup: "ledger" });
    await pass(6_000);
  },
  "5.1": async ({ done }) => {
    await done("PUT", "/v1/topics/readings", { queues: 1 });
    for (const celsius of ["19.5", "31.0", "22.0"])
      await done("POST", "/v1/topics/readings/messages", { body: `${celsius} °C`, properties: { celsius } });
  },
  "5.5": async ({ done }) => {
    await done("PUT", "/v1/groups/climate");
    await done("PUT", "/v1/groups/climate/subscriptions/readings", { startFrom: "earliest" });
    await done("POST", "/v1/groups/climate/receive", { max: 2 });
  },
  "6.2": async ({ done }) => {
    await done("PUT", "/v1/topics/parcels", { queues: 1 });
    await done("PUT", "/v1/groups/shipping", { maxAttempts: 2 });
    await done("PUT", "/v1/groups/shipping/subscriptions/parcels", { startFrom: "earliest" });
    await done("POST", "/v1/topics/parcels/messages", { body: "Parcel 1", tag: "packed" });
  },
  "6.3": ({ pass }) => pass(60_000),
  "6.5": async ({ done, pass }) => {
    await pass(60_000);
    await done("POST", "/v1/groups/shipping/receive");
  },
  "6.6": async ({ done }) => {
    await done("PUT", "/v1/topics/bookings", { type: "FIFO" });
    await done("PUT", "/v1/groups/accounts");
    await done("PUT", "/v1/groups/accounts/subscriptions/bookings", { startFrom: "earliest" });
    for (const body of ["+100", "-30"]) await done("POST", "/v1/topics/bookings/messages", { body, messageGroup: "account-1" });
  },
  "6.8": async ({ done, objects }) => {
    await done("PUT", "/v1/topics/documents", { queues: 1, flushMode: "SYNC_FLUSH" });
    await done("PUT", "/v1/groups/archive");
    await done("PUT", "/v1/groups/archive/subscriptions/documents", { startFrom: "earliest" });
    await done("POST", "/v1/topics/documents/messages", { body: "Page 1" });
    for (const key of objects.keys("log/")) objects.lose(key);
    await done("POST", "/v1/groups/archive/receive");
  },
};
