import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http-api.ts";
import { createTopic, eventually, expectProblem, send } from "../support/http-fixtures.ts";

interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data: string;
}

/** Reads events of one open stream as they come. */
async function* readEvents(response: Response): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = text
        .slice(0, end)
        .split("\n")
        .filter((line) => !line.startsWith(":"));
      text = text.slice(end + 2);
      if (fields.length === 0) continue;
      yield Object.fromEntries(fields.map((line) => line.split(/: (.*)/s).slice(0, 2))) as unknown as ServerSentEvent;
    }
  }
}

export function pullTests(api: Api): void {
  const fill = async (count: number) => {
    const topic = await createTopic(api, { queues: 1 });
    const entries = Array.from({ length: count }, (_, index) => ({ body: `m${index}` }));
    if (count > 0) await api.post(`/v1/topics/${topic}/messages/batch`, { entries });
    return topic;
  };
  const pull = (topic: string, query: string, headers: Record<string, string> = {}) =>
    api.get(`/v1/topics/${topic}/queues/0/messages?${query}`, { headers });
  const bodies = (json: { messages: { body: string }[] }) => json.messages.map(({ body }) => body);

  describe("PROTOCOL 5.1 pull", () => {
    it("reads on from an offset, page by page", async () => {
      const topic = await fill(10);
      const first = await pull(topic, "offset=2&limit=3");
      expect(first.status).toBe(200);
      expect(first.json).toMatchObject({ status: "FOUND", nextOffset: "5", minOffset: "0", maxOffset: "10" });
      expect(bodies(first.json)).toEqual(["m2", "m3", "m4"]);
      expect(first.json.messages.map(({ offset }: { offset: string }) => offset)).toEqual(["2", "3", "4"]);
      const second = await pull(topic, `offset=${first.json.nextOffset}`);
      expect(bodies(second.json)).toEqual(["m5", "m6", "m7", "m8", "m9"]);
      expect(second.json.nextOffset).toBe("10");
    });

    it("answers NO_NEW_MSG at the end", async () => {
      const topic = await fill(3);
      expect((await pull(topic, "offset=3")).json).toEqual({
        status: "NO_NEW_MSG",
        messages: [],
        nextOffset: "3",
        minOffset: "0",
        maxOffset: "3",
      });
    });

    it("answers 416 outside the queue, with the valid range", async () => {
      const topic = await fill(3);
      for (const offset of ["4", "9007199254740991"]) {
        const answer = await pull(topic, `offset=${offset}`);
        expectProblem(answer, 416, "OFFSET_ILLEGAL");
        expect(answer.json).toMatchObject({ minOffset: "0", maxOffset: "3" });
      }
    });

    it("starts so many messages before the end with tail", async () => {
      const topic = await fill(5);
      expect(bodies((await pull(topic, "tail=2")).json)).toEqual(["m3", "m4"]);
      expect(bodies((await pull(topic, "tail=100")).json)).toEqual(["m0", "m1", "m2", "m3", "m4"]);
    });

    it("starts at the first message of a time, or of the time after it", async () => {
      const topic = await fill(1);
      const first = (await pull(topic, "offset=0")).json.messages[0].storedAt;
      await eventually(async () => (Date.now() > Date.parse(first) + 5 ? true : undefined));
      await send(api, topic, { body: "later" });
      const later = (await pull(topic, "offset=1")).json.messages[0].storedAt;
      expect(bodies((await pull(topic, `timestamp=${encodeURIComponent(first)}`)).json)).toEqual(["m0", "later"]);
      expect(bodies((await pull(topic, `timestamp=${Date.parse(later)}`)).json)).toEqual(["later"]);
      expect(bodies((await pull(topic, `timestamp=${Date.parse(first) + 1}`)).json)).toEqual(["later"]);
      expect(bodies((await pull(topic, "timestamp=0")).json)).toEqual(["m0", "later"]);
      const future = (await pull(topic, `timestamp=${Date.now() + 3_600_000}`)).json;
      expect(future).toMatchObject({ status: "NO_NEW_MSG", messages: [], nextOffset: "2" });
    });

    it("stops a page at maxBytes, but gives at least one message", async () => {
      const topic = await createTopic(api, { queues: 1 });
      for (let index = 0; index < 4; index++) await send(api, topic, { body: "x".repeat(1_000) });
      expect(bodies((await pull(topic, "offset=0&maxBytes=2500")).json)).toHaveLength(2);
      expect(bodies((await pull(topic, "offset=0&maxBytes=1")).json)).toHaveLength(1);
    });

    it(`waits for a message, and wakes within ${api.wakeMsMax} ms of a send`, async () => {
      const topic = await fill(1);
      const waiting = pull(topic, "offset=1&waitSeconds=10").then((answer) => ({ answer, at: performance.now() }));
      await send(api, topic, { body: "other queue, same topic" });
      const sentAt = performance.now();
      const { answer, at } = await waiting;
      expect(bodies(answer.json)).toEqual(["other queue, same topic"]);
      expect(at - sentAt).toBeLessThan(api.wakeMsMax);
    });

    it("answers when the wait is over", async () => {
      const topic = await fill(0);
      const startedAt = performance.now();
      expect((await pull(topic, "offset=0&waitSeconds=1")).json.status).toBe("NO_NEW_MSG");
      expect(performance.now() - startedAt).toBeGreaterThan(900);
      expect(performance.now() - startedAt).toBeLessThan(4_000);
    });

    it("settles nothing: the same messages can be read again", async () => {
      const topic = await fill(2);
      for (let round = 0; round < 2; round++) expect(bodies((await pull(topic, "offset=0")).json)).toEqual(["m0", "m1"]);
    });

    it("refuses parameters that are none, contradict each other or pass a limit", async () => {
      const topic = await fill(1);
      const wrong = [
        "",
        "offset=0&tail=1",
        "offset=-1",
        "offset=0.5",
        "offset=1e3",
        "offset=x",
        "offset=99999999999999999999",
        "tail=NaN",
      ];
      wrong.push("timestamp=yesterday", "timestamp=2026-02-30T00:00:00Z", "offset=0&limit=0", "offset=0&limit=33");
      wrong.push(
        "offset=0&maxBytes=4194305",
        "offset=0&waitSeconds=21",
        "offset=0&waitSeconds=-1",
        "offset=0&colour=red",
        "offset=0&offset=1",
      );
      for (const query of wrong) {
        const answer = await pull(topic, query);
        expect(answer.status, query).toBe(400);
        expect(answer.json.errors, query).toHaveLength(1);
      }
    });

    it("refuses queues that do not exist", async () => {
      const topic = await fill(1);
      for (const queue of ["1", "x", "-1", "1.5", "99999"]) {
        const answer = await api.get(`/v1/topics/${topic}/queues/${queue}/messages?offset=0`);
        expect([400, 404], answer.text).toContain(answer.status);
      }
      expectProblem(await api.get(`/v1/topics/${uniqueName("absent")}/queues/0/messages?offset=0`), 404, "TOPIC_NOT_FOUND");
    });
  });

  describe("PROTOCOL 5.2 live tail", () => {
    const open = (topic: string, query: string, signal: AbortSignal, headers: Record<string, string> = {}) =>
      api.fetch("GET", `/v1/topics/${topic}/queues/0/messages?${query}`, undefined, {
        signal,
        headers: { Accept: "text/event-stream", ...headers },
      });

    const WHOLE = "the gateway hands over whole answers";

    it("streams what is there and what comes, with offsets as ids", async (context) => {
      if (api.behindGateway) return context.skip(WHOLE);
      const topic = await fill(2);
      const controller = new AbortController();
      const response = await open(topic, "offset=0", controller.signal);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      expect(response.headers.get("x-request-id")).toBeTruthy();
      const events = readEvents(response);
      const next = async () => (await events.next()).value as ServerSentEvent;
      expect((await next()).id).toBe("0");
      expect((await next()).id).toBe("1");
      await send(api, topic, { body: "live" });
      const live = await next();
      expect(live.id).toBe("2");
      expect(JSON.parse(live.data)).toMatchObject({ body: "live", offset: "2", topic, queueId: 0 });
      controller.abort();
    });

    it("starts at the end when nothing else is said", async (context) => {
      if (api.behindGateway) return context.skip(WHOLE);
      const topic = await fill(3);
      const controller = new AbortController();
      const events = readEvents(await open(topic, "", controller.signal));
      const next = events.next();
      await send(api, topic, { body: "new" });
      expect(((await next).value as ServerSentEvent).id).toBe("3");
      controller.abort();
    });

    it("goes on after Last-Event-ID", async () => {
      const topic = await fill(4);
      const controller = new AbortController();
      const events = readEvents(await open(topic, "offset=0", controller.signal, { "Last-Event-ID": "1" }));
      expect(((await events.next()).value as ServerSentEvent).id).toBe("2");
      controller.abort();
    });

    it("answers a problem when it cannot start", async () => {
      const topic = await fill(1);
      const headers = { Accept: "text/event-stream" };
      expectProblem(await pull(topic, "offset=5", headers), 416, "OFFSET_ILLEGAL");
      expectProblem(await pull(uniqueName("absent"), "", headers), 404, "TOPIC_NOT_FOUND");
      expectProblem(await pull(topic, "", { ...headers, "Last-Event-ID": "x" }), 400, "BAD_REQUEST");
      expectProblem(await pull(topic, "waitSeconds=1", headers), 400, "BAD_REQUEST");
    });
  });
}
