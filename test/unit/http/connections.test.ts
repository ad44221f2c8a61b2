import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Broker } from "../../../core/broker.ts";
import type { StoredMessage } from "../../../core/terms.ts";
import { AnswerMemory } from "../../../functions/http/bounds/answer-memory.ts";
import type { ServedBroker, ServeOptions } from "../../../functions/http/node/serve-broker.ts";
import { serveStub } from "../../support/http/stub-broker.ts";

const open: ServedBroker[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of open.splice(0)) await server.stop(0);
});

async function serve(verbs: Partial<Broker>, options: Partial<ServeOptions> = {}): Promise<ServedBroker> {
  const server = await serveStub(verbs, options);
  open.push(server);
  return server;
}

/** `gone` resolves when the server has closed its side. */
async function dial({ url }: ServedBroker): Promise<{ socket: Socket; text: () => string; gone: Promise<void> }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  sockets.push(socket);
  await once(socket, "connect");
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => socket.destroy());
  const gone = new Promise<void>((resolve) => {
    for (const event of ["end", "close"]) socket.once(event, () => resolve());
  });
  return { socket, text: () => text, gone };
}

const stored = (body: Uint8Array): StoredMessage => ({
  messageId: "m",
  queueId: 0,
  offset: 0,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  bornAtMs: 0,
  storedAtMs: 0,
  body,
});

const statuses = (text: string): number[] => Array.from(text.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => Number(status));

async function untilStatuses(text: () => string, count: number): Promise<number[]> {
  for (let waits = 0; waits < 400 && statuses(text()).length < count; waits++) await sleep(5);
  return statuses(text());
}

const post = (body: string, path = "/v1/topics/t/messages", headers = "") =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A send that goes on when the test lets it. */
function sender() {
  const bodies: string[] = [];
  const going: (() => void)[] = [];
  let held = false;
  let together = 0;
  let togetherMax = 0;
  const sendMessages: Broker["sendMessages"] = async (_topic, [message]) => {
    bodies.push(Buffer.from(message?.body ?? "").toString());
    togetherMax = Math.max(togetherMax, ++together);
    if (held) await new Promise<void>((resolve) => going.push(resolve));
    else await sleep(1);
    together--;
    return [{ messageId: "m", queueId: 0, offset: 0, duplicate: false }];
  };
  return {
    verbs: { sendMessages },
    bodies,
    hold: () => {
      held = true;
    },
    letGo: () => {
      held = false;
      for (const go of going.splice(0)) go();
    },
    togetherMax: () => togetherMax,
  };
}

describe("requests of one connection", () => {
  it("are carried out one after another, in the order in which they were sent", async () => {
    const { verbs, bodies, togetherMax } = sender();
    const { socket, text } = await dial(await serve(verbs));
    socket.write(Array.from({ length: 200 }, (_, n) => post(`{"body":"${n}"}`)).join(""));
    expect(await untilStatuses(text, 200)).toEqual(Array.from({ length: 200 }, () => 201));
    expect(bodies).toEqual(Array.from({ length: 200 }, (_, n) => String(n)));
    expect(togetherMax()).toBe(1);
  });

  it("are not begun when the connection is gone before their turn", async () => {
    const { verbs, bodies, hold, letGo } = sender();
    hold();
    const { socket } = await dial(await serve(verbs));
    socket.write([0, 1, 2].map((n) => post(`{"body":"${n}"}`)).join(""));
    while (bodies.length === 0) await sleep(2);
    socket.resetAndDestroy();
    await sleep(50);
    letGo();
    await sleep(50);
    expect(bodies).toEqual(["0"]);
  });

  it("are answered each for itself where a later one is malformed", async () => {
    const { verbs, bodies } = sender();
    const server = await serve(verbs);
    const { socket, text, gone } = await dial(server);
    socket.write(`${[0, 1, 2, 3, 4].map((n) => post(`{"body":"${n}"}`)).join("")}NONSENSE\r\n\r\n`);
    expect(await untilStatuses(text, 6)).toEqual([201, 201, 201, 201, 201, 400]);
    expect(bodies).toHaveLength(5);
    await gone;
    expect(text().slice(text().lastIndexOf("HTTP/1.1"))).toMatch(/Connection: close[\s\S]*"effect":"none"/);
  });

  it("end where one turns out longer than it said, which is done and answered", async () => {
    const { verbs, bodies } = sender();
    const { socket, text } = await dial(await serve(verbs));
    socket.write(`${post('{"body":"x"}')}"}}}}\r\n\r\n`);
    expect(await untilStatuses(text, 2)).toEqual([201, 400]);
    expect(bodies).toEqual(["x"]);
  });

  it("are answered though the rest of the last one is malformed, which is not begun", async () => {
    const { verbs, bodies, hold, letGo } = sender();
    hold();
    const { socket, text } = await dial(await serve(verbs));
    const chunked = "POST /v1/topics/t/pause HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    socket.write(post('{"body":"x"}') + chunked);
    while (bodies.length === 0) await sleep(2);
    letGo();
    expect(await untilStatuses(text, 2)).toEqual([201, 400]);
    expect(text()).toContain('"effect":"none"');
  });

  it("are refused with unknown effect where the rest of one under way is malformed", async () => {
    const { socket, text } = await dial(await serve(sender().verbs));
    socket.write("POST /v1/topics/t/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    expect(await untilStatuses(text, 1)).toEqual([400]);
    expect(text()).toContain('"effect":"unknown"');
  });

  it("are answered though the client has closed its side", async () => {
    const { verbs } = sender();
    const { socket, text, gone } = await dial(await serve(verbs));
    socket.end(post('{"body":"x"}') + post('{"body":"y"}'));
    expect(await untilStatuses(text, 2)).toEqual([201, 201]);
    await gone;
  });

  it("wait no longer for a client that has closed its side", async () => {
    let aborted = false;
    const server = await serve({
      async receiveMessages(_group, _request, signal) {
        if (signal && !signal.aborted) await once(signal, "abort");
        aborted = true;
        return [];
      },
    });
    const { socket, text } = await dial(server);
    socket.end(post('{"waitSeconds":20}', "/v1/groups/g/receive"));
    expect(await untilStatuses(text, 1)).toEqual([200]);
    expect(aborted).toBe(true);
  });
});

describe("what is HTTP in part", () => {
  it.each([
    ["no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400],
    ["another version", "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 505],
    [
      "another coding",
      post("x", undefined, "").replace(/Content-Length.*/s, "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
      501,
    ],
    ["an expectation", post("x", undefined, "Expect: miracles\r\n"), 417],
    ["a tunnel", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405],
  ])("is refused with a problem: %s", async (_what, request, status) => {
    const { verbs, bodies } = sender();
    const { socket, text } = await dial(await serve(verbs));
    socket.write(request);
    expect(await untilStatuses(text, 1)).toEqual([status]);
    expect(text()).toMatch(/Content-Type: application\/problem\+json/i);
    expect(text()).toMatch(/X-Request-Id: /i);
    expect(bodies).toEqual([]);
  });

  it("is answered behind the requests before it, a tunnel too", async () => {
    const { verbs, bodies } = sender();
    const { socket, text } = await dial(await serve(verbs));
    socket.write(`${post('{"body":"x"}')}CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(await untilStatuses(text, 2)).toEqual([201, 405]);
    expect(bodies).toEqual(["x"]);
  });
});

describe("too many connections", () => {
  it("push out those that have nothing under way, the one first that was idle longest", async () => {
    const { verbs, bodies, hold, letGo } = sender();
    hold();
    const server = await serve(verbs, { connectionsMax: 4 });
    const busy = await dial(server);
    busy.socket.write(post('{"body":"x"}'));
    while (bodies.length === 0) await sleep(2);
    const idle = [await dial(server), await dial(server), await dial(server)];
    for (const [index, { gone }] of idle.slice(0, 2).entries()) {
      const next = await dial(server);
      await gone;
      next.socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
      expect(await untilStatuses(next.text, 1), String(index)).toEqual([200]);
    }
    letGo();
    expect(await untilStatuses(busy.text, 1)).toEqual([201]);
  });

  it("are refused where every one is busy", async () => {
    const { verbs, bodies, hold, letGo } = sender();
    hold();
    const server = await serve(verbs, { connectionsMax: 2 });
    // One that went away in the middle of its request is not idle: it is none.
    const left = await dial(server);
    left.socket.write(post('{"body":"left"}'));
    while (bodies.length === 0) await sleep(2);
    left.socket.resetAndDestroy();
    await sleep(50);
    bodies.length = 0;
    const busy = [await dial(server), await dial(server)];
    for (const { socket } of busy) socket.write(post('{"body":"x"}'));
    while (bodies.length < 2) await sleep(2);
    const third = await dial(server);
    await third.gone;
    letGo();
    for (const { text } of busy) expect(await untilStatuses(text, 1)).toEqual([201]);
  });
});

describe("an upload that is refused", () => {
  it("is read to its end, so that its client gets to the answer and to the next request", async () => {
    const { socket, text } = await dial(await serve(sender().verbs));
    socket.write("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n");
    for (let part = 0; part < 10; part++) {
      socket.write("x".repeat(300_000));
      await sleep(100);
    }
    socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(await untilStatuses(text, 2)).toEqual([404, 200]);
  });

  it("has one answer, though its rest is malformed", async () => {
    const { socket, text, gone } = await dial(await serve(sender().verbs));
    socket.write("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    expect(await untilStatuses(text, 1)).toEqual([404]);
    socket.write("zz\r\n");
    await gone;
    expect(statuses(text())).toEqual([404]);
  });
});

describe("an answer that nobody takes", () => {
  /** Large enough that the system does not take it off the server's hands. */
  const page = async (): ReturnType<Broker["pullMessages"]> => ({
    status: "FOUND",
    messages: Array.from({ length: 8 }, () => stored(Buffer.alloc(4 << 20, "x"))),
    nextOffset: 8,
    minOffset: 0,
    maxOffset: 8,
  });
  const pull = "GET /v1/topics/t/queues/0/messages?offset=0 HTTP/1.1\r\nHost: localhost\r\n\r\n";

  it("is given up when nothing of it was taken for a while", async () => {
    const server = await serve({ pullMessages: page }, { writeTimeoutMs: 300 });
    const { socket, gone } = await dial(server);
    socket.pause().write(pull);
    await sleep(1_500);
    socket.resume();
    await gone;
    expect(socket.bytesRead).toBeLessThan(32 << 20);
  });

  it("is sent to the end to a client that is slow", async () => {
    const server = await serve({ pullMessages: page }, { writeTimeoutMs: 500 });
    const { socket } = await dial(server);
    socket.write(pull);
    for (let part = 0; part < 8; part++) {
      socket.pause();
      await sleep(150);
      socket.resume();
      await sleep(20);
    }
    while (socket.bytesRead < 32 << 20) await sleep(20);
  });

  it("gives way to others that wait for its memory, and to no one else", async () => {
    const memory = new AnswerMemory(1 << 20);
    const verbs: Partial<Broker> = { pullMessages: () => memory.admit(page, () => 32 << 20) };
    const server = await serve(verbs, { answerMemory: memory });
    const { socket, gone } = await dial(server);
    socket.pause().write(pull);
    await sleep(2_500);
    expect(socket.destroyed).toBe(false);
    const answer = await fetch(`${server.url}/v1/topics/t/queues/0/messages?offset=0`);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(32 << 20);
    socket.resume();
    await gone;
    expect(socket.bytesRead).toBeLessThan(32 << 20);
  });
});
