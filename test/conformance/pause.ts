import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { ack, createGroup, createTopic, expectProblem, receive, receiveCount, send } from "../support/http/http-fixtures.ts";

export function pauseTests(api: Api): void {
  const pause = (group: string) => api.send("POST", `/v1/groups/${group}/pause`);
  const resume = (group: string) => api.send("POST", `/v1/groups/${group}/resume`);

  describe("PROTOCOL 3.4 pause and resume", () => {
    it("stops delivery while messages go on accumulating", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      await send(api, topic, { body: "0" });
      const held = await receiveCount(api, group, 1, { leaseSeconds: 300 });
      const paused = await pause(group);
      expect(paused.status, paused.text).toBe(200);
      expect(paused.json).toMatchObject({ name: group, paused: true });
      expect(paused.headers.get("etag")).toBe((await api.get(`/v1/groups/${group}`)).headers.get("etag"));
      await api.changesKnown();
      await send(api, topic, { body: "1" });
      expect(await receive(api, group)).toEqual([]);
      expect((await api.get(`/v1/groups/${group}/lag`)).json).toMatchObject({ lag: 2, inFlight: 1 });
      await ack(api, group, held);
      expect((await resume(group)).json).toMatchObject({ paused: false });
      await api.changesKnown();
      expect((await receiveCount(api, group, 1)).map(({ body }) => body)).toEqual(["1"]);
    });

    it("answers alike when it is so already", async () => {
      const group = await createGroup(api, []);
      const first = await pause(group);
      expect((await pause(group)).json).toEqual(first.json);
      const resumed = await resume(group);
      expect((await resume(group)).json).toEqual(resumed.json);
    });

    it("lets a long poll that waits go on when the group is resumed", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      await pause(group);
      await api.changesKnown();
      await send(api, topic, { body: "x" });
      const startedAt = performance.now();
      const poll = receive(api, group, { waitSeconds: 20 });
      await resume(group);
      expect((await poll).map(({ body }) => body)).toEqual(["x"]);
      expect(performance.now() - startedAt).toBeLessThan(15_000);
    });

    it("needs the group to exist", async () => {
      const absent = uniqueName("absent");
      expectProblem(await pause(absent), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await resume(absent), 404, "CONSUMER_GROUP_NOT_FOUND");
    });
  });
}
