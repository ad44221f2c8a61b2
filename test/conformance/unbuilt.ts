import { describe, it } from "vitest";
import { type Api, uniqueName } from "../support/http-api.ts";
import { createGroup, createTopic, expectProblem } from "../support/http-fixtures.ts";

/** What the contract names and this version lacks is refused, so that nobody relies on it by mistake. */
export function unbuiltTests(api: Api): void {
  const refused = (answer: Parameters<typeof expectProblem>[0]) => expectProblem(answer, 400, "BAD_REQUEST", "not available yet");

  describe("PROTOCOL 1.5 features that are not available yet", () => {
    it("refuses delays, deduplication and producer sequences on sends", async () => {
      const path = `/v1/topics/${await createTopic(api)}/messages`;
      const fields: object[] = [{ delaySeconds: 1 }, { delayLevel: 3 }, { deliverAt: "2030-01-01T00:00:00Z" }];
      fields.push({ dedupKey: "o-1" }, { dedupWindowSeconds: 60 }, { producerId: "p", sequence: 1 });
      for (const field of fields) {
        refused(await api.post(path, { body: "x", ...field }));
        const { results } = (await api.post(`${path}/batch`, { entries: [{ body: "x", ...field }, { body: "good" }] })).json;
        if (results[0].error?.code !== "BAD_REQUEST" || !results[0].error.detail.includes("not available yet")) {
          throw new Error(`a batch took ${JSON.stringify(field)}: ${JSON.stringify(results[0])}`);
        }
      }
    });

    it("refuses delays and CloudEvents on publish", async () => {
      const path = `/v1/topics/${await createTopic(api)}/publish`;
      const publish = (headers: Record<string, string>) => api.send("POST", path, "x", { headers });
      refused(await publish({ "X-MQ-Delay": "10" }));
      refused(await publish({ "X-MQ-Deliver-At": "2030-01-01T00:00:00Z" }));
      refused(await publish({ "Content-Type": "application/cloudevents+json" }));
      refused(await publish({ "Content-Type": "application/cloudevents-batch+json; charset=utf-8" }));
      refused(await publish({ "ce-id": "1", "ce-source": "/x", "ce-type": "t", "ce-specversion": "1.0" }));
    });

    it("refuses an Idempotency-Key on every POST", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, []);
      const options = { headers: { "Idempotency-Key": "k" } };
      refused(await api.post(`/v1/topics/${topic}/messages`, { body: "x" }, options));
      refused(await api.post(`/v1/topics/${topic}/messages/batch`, { entries: [{ body: "x" }] }, options));
      refused(await api.send("POST", `/v1/topics/${topic}/publish`, "x", options));
      refused(await api.post(`/v1/groups/${group}/receive`, {}, options));
      refused(await api.post(`/v1/groups/${group}/ack`, { receiptHandles: ["x"] }, options));
    });

    it("refuses filters on pull", async () => {
      const topic = await createTopic(api);
      for (const parameter of ["filter=A", "tag=A", "expression=A"]) {
        refused(await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0&${parameter}`));
      }
    });

    it("refuses other assignments", async () => {
      refused(await api.put(`/v1/groups/${uniqueName("group")}`, { assignment: "CONSISTENT_HASH" }));
    });
  });
}
