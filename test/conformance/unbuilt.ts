import { describe, it } from "vitest";
import type { Api } from "../support/http/http-api.ts";
import { createTopic, expectProblem } from "../support/http/http-fixtures.ts";

/** What the contract names and this version lacks is refused, so that nobody relies on it by mistake. */
export function unbuiltTests(api: Api): void {
  const refused = (answer: Parameters<typeof expectProblem>[0]) => expectProblem(answer, 400, "BAD_REQUEST", "not available yet");

  describe("PROTOCOL 1.5 features that are not available yet", () => {
    it("refuses CloudEvents on publish", async () => {
      const path = `/v1/topics/${await createTopic(api)}/publish`;
      const publish = (headers: Record<string, string>) => api.send("POST", path, "x", { headers });
      refused(await publish({ "Content-Type": "application/cloudevents+json" }));
      refused(await publish({ "Content-Type": "application/cloudevents-batch+json; charset=utf-8" }));
      refused(await publish({ "ce-id": "1", "ce-source": "/x", "ce-type": "t", "ce-specversion": "1.0" }));
    });
  });
}
