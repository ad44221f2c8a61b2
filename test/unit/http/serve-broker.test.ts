import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { Broker } from "../../../core/broker.ts";
import type { ServedBroker } from "../../../functions/http/node/serve-broker.ts";
import { serveStub } from "../../support/http/stub-broker.ts";

const open: ServedBroker[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop(0);
});

async function serve(verbs: Partial<Broker>): Promise<ServedBroker> {
  const server = await serveStub(verbs);
  open.push(server);
  return server;
}

const json = (body: string) => ({ method: "POST", body, headers: { "Content-Type": "application/json" } });

/** Resolves once `verb` has been called, with the means to let it go on. */
function gate() {
  let release = () => {};
  let entered = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const pass = () => {
    entered();
    return released;
  };
  return { inside, release, pass };
}

describe("a server that stops", () => {
  it("lets requests in flight finish and takes no new ones", async () => {
    const { inside, release, pass } = gate();
    const server = await serve({
      async sendMessages() {
        await pass();
        return [{ messageId: "m", queueId: 0, offset: 0, duplicate: false }];
      },
    });
    const sending = fetch(`${server.url}/v1/topics/t/messages`, json('{"body":"x"}'));
    await inside;
    const stopping = server.stop(5_000);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    release();
    expect((await sending).status).toBe(201);
    await stopping;
  });

  it("answers long polls at once with what they have", async () => {
    const { inside, pass } = gate();
    const server = await serve({
      async receiveMessages(_group, _request, signal) {
        void pass();
        if (signal !== undefined && !signal.aborted) await once(signal, "abort");
        return [];
      },
    });
    const polling = fetch(`${server.url}/v1/groups/g/receive`, json('{"waitSeconds":20}'));
    await inside;
    const startedAt = performance.now();
    await server.stop(10_000);
    const response = await polling;
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ messages: [] });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it("closes connections that are kept alive but idle", async () => {
    const server = await serve({});
    const agent = new Agent({ keepAlive: true });
    const request = httpRequest(`${server.url}/healthz`, { agent }).end();
    const [response] = await once(request, "response");
    response.resume();
    await once(response, "end");
    const startedAt = performance.now();
    await server.stop(10_000);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    agent.destroy();
  });

  it("cuts off what outlasts the grace period", async () => {
    const { inside, pass } = gate();
    const server = await serve({ sendMessages: () => pass().then(() => []) });
    const sending = fetch(`${server.url}/v1/topics/t/messages`, json('{"body":"x"}')).catch((error: Error) => error.name);
    await inside;
    await server.stop(100);
    expect(await sending).toBe("TypeError");
  });

  it("stores one-way messages first", async () => {
    const { inside, release, pass } = gate();
    let stored = false;
    const server = await serve({
      getTopic: () => Promise.resolve({} as Awaited<ReturnType<Broker["getTopic"]>>),
      async sendMessages() {
        await pass();
        stored = true;
        return [{ messageId: "m", queueId: 0, offset: 0, duplicate: false }];
      },
    });
    const headers = { Prefer: "return=minimal" };
    expect((await fetch(`${server.url}/v1/topics/t/publish`, { method: "POST", body: "x", headers })).status).toBe(202);
    await inside;
    const stopping = server.stop(5_000);
    setTimeout(release, 50);
    await stopping;
    expect(stored).toBe(true);
  });
});

describe("a port in use", () => {
  it("is an error of the start", async () => {
    const server = await serve({});
    const port = Number(new URL(server.url).port);
    await expect(serveStub({}, { port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
