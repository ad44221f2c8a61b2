import { createHook } from "node:async_hooks";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HostLookups } from "../../../functions/webhooks/host-lookups.ts";
import { startEndpoint } from "./endpoint.ts";
import { startNameServer } from "./name-server.ts";
import { loopbackWebhooks, post, requestTo } from "./posting.ts";

const HERE = "127.0.0.1";
const untilMs = (ms: number) => AbortSignal.timeout(ms);

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** Names that this process gives to the threads which look up those of the stores too, and how many of them at once. */
function systemLookups(): { total: number; most: number } {
  const seen = { total: 0, most: 0 };
  const under = new Set<number>();
  const hook = createHook({
    init(id, type) {
      if (type !== "GETADDRINFOREQWRAP") return;
      under.add(id);
      seen.total += 1;
      seen.most = Math.max(seen.most, under.size);
    },
    // The thread is done with it by then.
    before: (id) => void under.delete(id),
  }).enable();
  undo.push(() => hook.disable());
  return seen;
}

function hostsFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "hosts-"));
  undo.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "hosts");
  writeFileSync(path, text);
  return path;
}

describe("while a name server says nothing about sixteen names", () => {
  it("their webhooks fail within the deadline, and one to another name beside them is not delayed", async () => {
    const endpoint = await startEndpoint((response) => response.end("{}"));
    const { address, asked } = await startNameServer({ "good.test": HERE });
    const { lookUp } = new HostLookups({ searchSystem: true, servers: [address] });
    const webhooks = loopbackWebhooks({ lookup: lookUp });
    const system = systemLookups();
    const startedMs = performance.now();
    const dead = Promise.all(Array.from({ length: 16 }, (_, at) => post(webhooks, requestTo(endpoint, "/", `h${at}.dead.test`))));

    expect(await post(webhooks, requestTo(endpoint, "/", "good.test"))).toMatchObject({ ok: true });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    for (const reply of await dead) expect(["dns", "timeout"]).toContain(reply.ok ? "ok" : reply.reason);
    expect(performance.now() - startedMs).toBeLessThan(5_500);
    expect(new Set(asked).size).toBe(17);
    // What no server answered is not asked of the system, which would wait for the same servers.
    expect(system.total).toBe(0);
  }, 10_000);

  it("nothing of a lookup outlives the deadline of its webhook", async () => {
    const { address, asked } = await startNameServer();
    const { lookUp } = new HostLookups({ searchSystem: true, servers: [address] });
    const webhooks = loopbackWebhooks({ lookup: lookUp, deadlineMs: 100 });
    const replies = await Promise.all(
      Array.from({ length: 16 }, (_, at) => post(webhooks, requestTo({ port: 80 }, "/", `h${at}.dead.test`))),
    );
    for (const reply of replies) expect(reply).toMatchObject({ ok: false, reason: "timeout" });
    const questions = asked.length;
    // The next try of each would be a second after its first.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(asked).toHaveLength(questions);
  });
});

describe("a lookup", () => {
  it("is shared by all who ask for the same name at once, and goes on while one of them waits", async () => {
    const { address, asked } = await startNameServer({ "one.test": HERE });
    const { lookUp } = new HostLookups({ searchSystem: false, servers: [address] });
    const gone = new AbortController();
    const answers = [lookUp("one.test", gone.signal), lookUp("one.test", untilMs(4_000)), lookUp("one.test", untilMs(4_000))];
    gone.abort();
    expect(await Promise.all(answers)).toEqual([[], [{ address: HERE, family: 4 }], [{ address: HERE, family: 4 }]]);
    expect(asked).toEqual(["one.test", "one.test"]);
  });

  it("waits a quarter of a second for the other family of addresses, and goes on without", async () => {
    const { address } = await startNameServer({ "a.half.test": HERE });
    const { lookUp } = new HostLookups({ searchSystem: false, servers: [address] });
    const startedMs = performance.now();
    expect(await lookUp("a.half.test", untilMs(4_000))).toEqual([{ address: HERE, family: 4 }]);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it("finds the names of the hosts file first, in any case, and asks nobody for them, nor for localhost", async () => {
    const { address, asked } = await startNameServer({ "listed.test": "127.0.0.9" });
    const path = hostsFile("# ours\n127.0.0.1\tListed.Test alias # the first\r\n::1 listed.test\nnonsense alias\n\n");
    const { lookUp } = new HostLookups({ searchSystem: false, servers: [address], hostsFile: path });
    const loopback = [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ];
    expect(await lookUp("listed.test", untilMs(1_000))).toEqual(loopback);
    expect(await lookUp("alias", untilMs(1_000))).toEqual([{ address: "127.0.0.1", family: 4 }]);
    expect(await lookUp("localhost", untilMs(1_000))).toEqual(loopback);
    expect(await lookUp("api.localhost", untilMs(1_000))).toEqual(loopback);
    expect(await lookUp("192.0.2.1", untilMs(1_000))).toEqual([{ address: "192.0.2.1", family: 4 }]);
    expect(asked).toEqual([]);
  });

  it("does without a hosts file", async () => {
    const { address } = await startNameServer({ "good.test": HERE });
    const { lookUp } = new HostLookups({ searchSystem: false, servers: [address], hostsFile: join(tmpdir(), "is-not-there") });
    expect(await lookUp("good.test", untilMs(4_000))).toEqual([{ address: HERE, family: 4 }]);
  });

  it("asks the system for names that no server knows, one at a time, and only where it is to", async () => {
    const { address } = await startNameServer();
    const system = systemLookups();
    const ask = (searchSystem: boolean) => {
      const { lookUp } = new HostLookups({ searchSystem, servers: [address] });
      return Promise.all(Array.from({ length: 16 }, (_, at) => lookUp(knownToSystem(at), untilMs(4_000))));
    };
    expect(new Set((await ask(false)).flat())).toEqual(new Set());
    expect(system).toEqual({ total: 0, most: 0 });
    expect((await ask(true)).map(([found]) => found?.address)).toEqual(Array.from({ length: 16 }, (_, at) => `127.0.1.${at}`));
    expect(system).toEqual({ total: 16, most: 1 });
  });

  it("that waits for the system ends with its deadline, and leaves its turn to others", async () => {
    const { address } = await startNameServer();
    const { lookUp } = new HostLookups({ searchSystem: true, servers: [address] });
    const system = systemLookups();
    const gone = new AbortController();
    const answers = Array.from({ length: 16 }, (_, at) => lookUp(knownToSystem(at), AbortSignal.any([gone.signal])));
    await vi.waitFor(() => expect(system.total).toBeGreaterThan(0), { interval: 1 });
    gone.abort();
    expect((await Promise.all(answers)).flat().length).toBeLessThan(16);
    expect(await lookUp(knownToSystem(20), untilMs(4_000))).toMatchObject([{ address: "127.0.1.20" }]);
    expect(system.total).toBeLessThan(16);
  });
});

/** A name to a name server; to the system's resolver an old spelling of an address. */
const knownToSystem = (at: number): string => `127.${256 + at}`;
