import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createTopic, eventually, expectProblem, send } from "../support/http/http-fixtures.ts";

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
      expect(bodies((await pull(topic, "timestamp=1970-01-01T00:00:00Z")).json)).toEqual(["m0", "later"]);
      const inIndia = (iso: string) => new Date(Date.parse(iso) + 19_800_000).toISOString().replace("Z", "+05:30");
      expect(bodies((await pull(topic, `timestamp=${inIndia(later)}`)).json)).toEqual(["later"]);
      const future = (await pull(topic, `timestamp=${Date.now() + 3_600_000}`)).json;
      expect(future).toMatchObject({ status: "NO_NEW_MSG", messages: [], nextOffset: "2" });
    });

    it("finds the first message at or after a time, and the last at or before it", async () => {
      const topic = await fill(1);
      const first = Date.parse((await pull(topic, "offset=0")).json.messages[0].storedAt);
      await eventually(async () => (Date.now() > first + 5 ? true : undefined));
      await send(api, topic, { body: "later" });
      const later = Date.parse((await pull(topic, "offset=1")).json.messages[0].storedAt);
      const offsetAt = async (query: string) => (await api.get(`/v1/topics/${topic}/queues/0/offset?${query}`)).json.offset;
      const found = async (timestamp: number) =>
        Promise.all([offsetAt(`timestamp=${timestamp}&boundary=LOWER`), offsetAt(`timestamp=${timestamp}&boundary=UPPER`)]);
      expect(await found(first)).toEqual(["0", "0"]);
      expect(await found(first + 1)).toEqual(["1", "0"]);
      expect(await found(later)).toEqual(["1", "1"]);
      expect(await found(later + 3_600_000)).toEqual(["2", "1"]);
      expect(await found(first - 86_400_000)).toEqual(["0", "0"]);
      expect(await offsetAt(`timestamp=${later}`)).toBe("1");
      expect((await api.get(`/v1/topics/${topic}/queues/0/offset?timestamp=${later}`)).json).toEqual({
        offset: "1",
        minOffset: "0",
        maxOffset: "2",
      });
      expect(bodies((await pull(topic, `timestamp=${later - 1}&boundary=UPPER`)).json)).toEqual(["m0", "later"]);
      expect(bodies((await pull(topic, `timestamp=${later}&boundary=UPPER`)).json)).toEqual(["later"]);
      expectProblem(await pull(topic, "offset=0&boundary=UPPER"), 400, "BAD_REQUEST");
      expectProblem(await api.get(`/v1/topics/${topic}/queues/0/offset`), 400, "BAD_REQUEST");
      expectProblem(await api.get(`/v1/topics/${topic}/queues/0/offset?timestamp=1&boundary=MIDDLE`), 400, "BAD_REQUEST");
      expectProblem(await api.get(`/v1/topics/${topic}/queues/1/offset?timestamp=${later}`), 404, "NOT_FOUND");
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
      wrong.push("timestamp=0", `timestamp=${Math.floor(Date.now() / 1_000)}`, "timestamp=2026-02-28T00:00:00");
      wrong.push("timestamp=yesterday", "timestamp=2026-02-30T00:00:00Z", "offset=0&limit=0", "offset=0&limit=33");
      wrong.push(
        "offset=0&maxBytes=4194305",
        "offset=0&waitSeconds=21",
        "offset=0&waitSeconds=-1",
        "offset=0&colour=red",
        "offset=0&filterType=TAG",
        "offset=0&filterType=REGEX&expression=A",
        "offset=0&expression=A&expression=B",
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

  describe("PROTOCOL 5.3 filters on pull", () => {
    /** Tags in turn, an index as property. */
    const fillTagged = async (count: number, tags: readonly string[]) => {
      const topic = await createTopic(api, { queues: 1 });
      const entries = Array.from({ length: count }, (_, index) => ({
        body: `m${index}`,
        tag: tags[index % tags.length],
        properties: { index: String(index) },
      }));
      for (let from = 0; from < count; from += 100)
        expect((await api.post(`/v1/topics/${topic}/messages/batch`, { entries: entries.slice(from, from + 100) })).status).toBe(
          200,
        );
      return topic;
    };
    const matching = (from: string, type: "TAG" | "SQL92", expression: string) =>
      `${from}&filterType=${type}&expression=${encodeURIComponent(expression)}`;

    it("answers with what matches alone, and goes on behind all it looked at", async () => {
      const topic = await fillTagged(10, ["A", "B", "C"]);
      const tags = (await pull(topic, matching("offset=1", "TAG", "A || C"))).json;
      expect(tags).toMatchObject({ status: "FOUND", nextOffset: "10", minOffset: "0", maxOffset: "10" });
      expect(bodies(tags)).toEqual(["m2", "m3", "m5", "m6", "m8", "m9"]);
      expect(tags.messages.map(({ offset }: { offset: string }) => offset)).toEqual(["2", "3", "5", "6", "8", "9"]);
      const sql = (await pull(topic, matching("tail=8", "SQL92", "TAGS = 'B' AND index > 4"))).json;
      expect(bodies(sql)).toEqual(["m7"]);
      expect(bodies((await pull(topic, "offset=8&expression=C")).json)).toEqual(["m8"]);
      expect(bodies((await pull(topic, matching("offset=8", "TAG", "*"))).json)).toEqual(["m8", "m9"]);
    });

    it("pages through the matches by limit and maxBytes, each once", async () => {
      const topic = await fillTagged(40, ["A", "B"]);
      for (const bound of ["limit=3", "maxBytes=7"]) {
        const seen: string[] = [];
        for (let offset = "0"; ; ) {
          const { json } = await pull(topic, matching(`offset=${offset}&${bound}`, "TAG", "B"));
          if (json.status !== "FOUND") break;
          expect(json.messages.length).toBeLessThanOrEqual(3);
          seen.push(...bodies(json));
          offset = json.nextOffset;
        }
        expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => `m${2 * index + 1}`));
      }
    });

    it("answers NO_MATCHED_MSG after a bounded look, and the next pull goes on behind it", async () => {
      const topic = await fillTagged(2_000, ["A"]);
      await send(api, topic, { body: "last", tag: "B" });
      const answers: { status: string; nextOffset: string }[] = [];
      for (
        let offset = "0";
        answers.at(-1)?.status !== "FOUND" && answers.length < 10;
        offset = answers.at(-1)?.nextOffset ?? ""
      ) {
        const { json } = await pull(topic, matching(`offset=${offset}`, "TAG", "B"));
        if (json.status === "NO_MATCHED_MSG") expect(json.messages).toEqual([]);
        expect(Number(json.nextOffset)).toBeGreaterThan(Number(offset));
        answers.push(json);
      }
      expect(answers.map(({ status }) => status)).toEqual(["NO_MATCHED_MSG", "NO_MATCHED_MSG", "FOUND"]);
      expect(answers.at(-1)?.nextOffset).toBe("2001");
    });

    it("answers NO_NEW_MSG at the end, and 416 outside the queue", async () => {
      const topic = await fillTagged(3, ["A"]);
      expect((await pull(topic, matching("offset=3", "TAG", "A"))).json).toMatchObject({ status: "NO_NEW_MSG", nextOffset: "3" });
      expectProblem(await pull(topic, matching("offset=4", "TAG", "A")), 416, "OFFSET_ILLEGAL");
    });

    it("waits for a match, whatever else comes", async () => {
      const topic = await fillTagged(3, ["A"]);
      const waiting = pull(topic, matching("offset=0&waitSeconds=10", "TAG", "B"));
      for (const tag of ["A", "C", "B"]) await send(api, topic, { body: `late ${tag}`, tag });
      const { json } = await waiting;
      expect(json).toMatchObject({ status: "FOUND", nextOffset: "6" });
      expect(bodies(json)).toEqual(["late B"]);
    });

    it("answers NO_MATCHED_MSG when the wait is over, behind what did not match", async () => {
      const topic = await fillTagged(3, ["A"]);
      const startedAt = performance.now();
      const { json } = await pull(topic, matching("offset=1&waitSeconds=1", "TAG", "B"));
      expect(json).toMatchObject({ status: "NO_MATCHED_MSG", messages: [], nextOffset: "3" });
      expect(performance.now() - startedAt).toBeGreaterThan(900);
    });

    it("refuses an expression that cannot be read, and says where", async () => {
      const topic = await fillTagged(1, ["A"]);
      const wrong = [
        ["SQL92", "a > 1 AND", 1, 10],
        ["SQL92", "a > 1\nAND AND", 2, 5],
        ["TAG", "A || ", 1, 5],
      ] as const;
      for (const [type, expression, line, column] of wrong) {
        for (const headers of [{}, { Accept: "text/event-stream" }]) {
          const answer = await pull(topic, matching("offset=0", type, expression), headers);
          expectProblem(answer, 400, "ILLEGAL_FILTER_EXPRESSION");
          expect(answer.json).toMatchObject({ line, column });
        }
      }
      expectProblem(
        await pull(topic, matching("offset=0", "SQL92", "A".repeat(2_049))),
        400,
        "ILLEGAL_FILTER_EXPRESSION",
        "2048",
      );
      expectProblem(await pull(topic, "offset=0&filterType=TAG&expression="), 400, "ILLEGAL_FILTER_EXPRESSION");
    });

    it("filters a live tail, whose ids pass over the rest", async () => {
      const topic = await fillTagged(5, ["A", "B", "A", "A", "A"]);
      const controller = new AbortController();
      const tail = (headers: Record<string, string> = {}) =>
        api.fetch("GET", `/v1/topics/${topic}/queues/0/messages?${matching("offset=0", "TAG", "B")}`, undefined, {
          signal: controller.signal,
          headers: { Accept: "text/event-stream", ...headers },
        });
      const events = readEvents(await tail());
      const next = async () => (await events.next()).value as ServerSentEvent;
      expect(JSON.parse((await next()).data)).toMatchObject({ body: "m1", offset: "1" });
      expect(await next()).toEqual({ id: "4" });
      if (!api.behindGateway) {
        for (const tag of ["A", "B"]) await send(api, topic, { body: `live ${tag}`, tag });
        const live: ServerSentEvent[] = [];
        while (live.at(-1)?.data === undefined) live.push(await next());
        expect(JSON.parse(live.at(-1)?.data ?? "")).toMatchObject({ body: "live B", offset: "6" });
      }
      controller.abort();
    });
  });

  describe("PROTOCOL 5.2 live tail", () => {
    const open = (topic: string, query: string, signal: AbortSignal, headers: Record<string, string> = {}) =>
      api.fetch("GET", `/v1/topics/${topic}/queues/0/messages?${query}`, undefined, {
        signal,
        headers: { Accept: "text/event-stream", ...headers },
      });

    const WHOLE = "the gateway hands over whole answers";

    it("is for those who want nothing else: who takes JSON as well gets a page", async () => {
      const topic = await fill(1);
      const headers = { Accept: "application/json, text/event-stream, application/problem+json" };
      const answer = await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`, { headers });
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.json).toMatchObject({ status: "FOUND", nextOffset: "1" });
    });

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
