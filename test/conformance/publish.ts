import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createTopic, eventually, expectProblem, type MessageJson } from "../support/http/http-fixtures.ts";

export function publishTests(api: Api): void {
  describe("PROTOCOL 4.3 publish raw bytes", () => {
    const publish = (topic: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
      api.send("POST", `/v1/topics/${topic}/publish`, body, { headers });
    const pulled = async (topic: string) => {
      const answer = await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`);
      expect(answer.status, answer.text).toBe(200);
      return answer.json.messages as MessageJson[];
    };

    it("stores the bytes of the request with the metadata of its headers", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const answer = await publish(topic, Buffer.from([0, 1, 255]), {
        "Content-Type": "application/octet-stream",
        "X-MQ-Tag": "created",
        "X-MQ-Keys": "k1, k2",
        "X-MQ-Property-Source": "web",
      });
      expect(answer.status).toBe(201);
      expect(answer.json).toMatchObject({ topic, queueId: 0, offset: "0", status: "SEND_OK", duplicate: false });
      expect(await pulled(topic)).toMatchObject([
        { body: "AAH/", bodyEncoding: "base64", tag: "created", keys: ["k1", "k2"], properties: { source: "web" } },
      ]);
    });

    it("takes any content type, JSON included, as bytes", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const bodies = ['{"not": an envelope', "<xml/>", "a=b"];
      for (const [index, type] of ["application/json", "text/xml", "application/x-www-form-urlencoded"].entries()) {
        expect((await publish(topic, bodies[index]!, { "Content-Type": type })).status).toBe(201);
      }
      expect((await pulled(topic)).map(({ body }) => body)).toEqual(bodies);
    });

    it("takes the message group of a FIFO topic from X-MQ-Group", async () => {
      const topic = await createTopic(api);
      expectProblem(await publish(topic, "x", { "X-MQ-Group": "g" }), 400, "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE");
    });

    it("answers 202 without a body for Prefer: return=minimal, and stores the message", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const answer = await publish(topic, "one way", { Prefer: "return=minimal" });
      expect(answer.status).toBe(202);
      expect(answer.text).toBe("");
      expect(answer.headers.get("preference-applied")).toBe("return=minimal");
      const messages = await eventually(async () => {
        const found = await pulled(topic);
        return found.length > 0 ? found : undefined;
      });
      expect(messages).toMatchObject([{ body: "one way" }]);
    });

    it("tells an unknown topic in either mode", async () => {
      const topic = uniqueName("absent");
      expectProblem(await publish(topic, "x"), 404, "TOPIC_NOT_FOUND");
      expectProblem(await publish(topic, "x", { Prefer: "return=minimal" }), 404, "TOPIC_NOT_FOUND");
    });

    it("refuses an empty body and an unknown X-MQ header", async () => {
      const topic = await createTopic(api);
      expectProblem(await publish(topic, ""), 400, "MESSAGE_BODY_EMPTY");
      const answer = await publish(topic, "x", { "X-MQ-Colour": "red" });
      expectProblem(answer, 400, "BAD_REQUEST");
      expect(answer.json.errors).toMatchObject([{ field: "x-mq-colour" }]);
    });

    it("takes 4 MiB and refuses one byte more", async () => {
      const topic = await createTopic(api, { queues: 1 });
      expect((await publish(topic, Buffer.alloc(4 * 1_024 * 1_024, 1))).status).toBe(201);
      expectProblem(await publish(topic, Buffer.alloc(4 * 1_024 * 1_024 + 1, 1)), 413, "MESSAGE_BODY_TOO_LARGE");
    });
  });
}
