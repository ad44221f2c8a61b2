import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { eventually, gate, type Wired, wired } from "./wire.ts";

async function open(): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ queues: 1 });
  await world.apogee.group("g").put();
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return world;
}

const quiet = { onError: () => undefined, handleSignals: false };
const lag = async ({ apogee }: Wired) => (await apogee.group("g").lag()).lag;

it("waits for handlers that have begun, and gives back at once what none has", async () => {
  await using world = await open();
  await world.apogee.topic("t").sendBatch(Array.from({ length: 20 }, (_, at) => ({ body: at })));
  const { opened, open: finish } = gate();
  const begun: unknown[] = [];
  const worker = world.apogee.consumer("g").run(
    async (message) => {
      begun.push(message.json());
      await opened;
    },
    { ...quiet, concurrency: 2, prefetch: 18 },
  );
  await eventually(() => expect(begun).toEqual([0, 1]));
  const stopped = worker.stop();
  const others: [unknown, number][] = [];
  await eventually(async () => {
    for (const message of await world.apogee.consumer("g").receive({ max: 32 })) {
      others.push([message.json(), message.attempt]);
      await message.ack();
    }
    expect(others).toHaveLength(18);
  });
  expect(others.every(([, attempt]) => attempt === 1)).toBe(true);
  finish();
  await stopped;
  await worker;
  expect(begun).toEqual([0, 1]);
  expect(await lag(world)).toBe(0);
});

it("has sent its acks when it has stopped, also those by hand that the handler did not wait for", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  const { opened, open: answer } = gate();
  world.wire.fail("/settle", (pass) => opened.then(pass));
  let begun = 0;
  const worker = world.apogee.consumer("g").run((message) => {
    begun++;
    void message.ack();
  }, quiet);
  await eventually(() => expect(begun).toBe(1));
  let isStopped = false;
  const stopped = worker.stop().then(() => {
    isStopped = true;
  });
  await world.clock.advance(0);
  expect(isStopped).toBe(false);
  answer();
  await stopped;
  expect(await lag(world)).toBe(0);
});

it("gives back what a broken off poll has brought", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  world.wire.fail("/receive", "unanswered");
  const worker = world.apogee.consumer("g").run(() => undefined, quiet);
  await eventually(async () => expect((await world.apogee.group("g").lag()).inFlight).toBe(1));
  await worker.stop();
  const [message] = await world.apogee.consumer("g").receive();
  expect([message?.text(), message?.attempt]).toEqual(["a", 1]);
});

it("stops at the end of its scope, by its signal, and twice", async () => {
  await using world = await open();
  {
    await using _ = world.apogee.consumer("g").run(() => undefined);
    await eventually(() => expect(world.wire.count("/receive")).toBe(1));
  }
  const stopping = new AbortController();
  const worker = world.apogee.consumer("g").run(() => undefined, { signal: stopping.signal });
  await eventually(() => expect(world.wire.count("/receive")).toBeGreaterThan(2));
  stopping.abort();
  await worker;
  await Promise.all([worker.stop(), worker.stop()]);
  await world.apogee.consumer("g").run(() => undefined, { signal: AbortSignal.abort() });
});

it("stops before it has begun", async () => {
  await using world = await open();
  world.wire.fail("/g", "hangs");
  const worker = world.apogee.consumer("g").run(() => undefined);
  await worker.stop();
  expect(world.wire.count("/receive")).toBe(0);
});

it("stops at once while the broker is away and it holds nothing", async () => {
  await using world = await open();
  const worker = world.apogee.consumer("g").run(() => undefined, quiet);
  await eventually(() => expect(world.wire.count("/receive")).toBe(1));
  world.wire.fail("/receive", "refused", 99);
  await worker.stop();
  expect(world.wire.count("/receive")).toBeLessThan(5);
});

it("aborts handlers that take longer than a drain", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  let signal: AbortSignal | undefined;
  const worker = world.apogee.consumer("g").run(
    (_, context) => {
      signal = context.signal;
      return new Promise(() => undefined);
    },
    { ...quiet, drainSeconds: 5 },
  );
  await eventually(() => expect(signal).toBeDefined());
  const stopped = worker.stop();
  await world.clock.advance(4);
  expect(signal?.aborted).toBe(false);
  await world.clock.advance(2);
  await stopped;
  expect(signal?.aborted).toBe(true);
});

/** A program with a worker, against a broker in this process. */
async function program(world: Wired, source: string) {
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const leaving = new AbortController();
      response.on("close", () => leaving.abort());
      const answered = await world.broker.fetch(`http://localhost${request.url}`, {
        method: request.method as string,
        headers: { "content-type": request.headers["content-type"] ?? "text/plain" },
        signal: leaving.signal,
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      });
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text());
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", source], {
    env: { ...process.env, APOGEE_ENDPOINT: `http://127.0.0.1:${port}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  return {
    output: () => output,
    child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it("drains at SIGTERM, and then nothing keeps the process", async () => {
  await using world = await open();
  await world.apogee.topic("t").sendBatch([{ body: "a" }, { body: "b" }]);
  await using running = await program(
    world,
    `import { Apogee } from ${JSON.stringify(new URL("../../client/index.ts", import.meta.url).href)};
     await new Apogee().consumer("g").run(async (message) => {
       console.log("began " + message.text());
       await new Promise((resolve) => process.once("SIGTERM", () => setTimeout(resolve, 50)));
       console.log("ended " + message.text());
     }, { concurrency: 1, prefetch: 1 });
     console.log("drained");`,
  );
  await eventually(() => expect(running.output()).toContain("began a"));
  running.child.kill("SIGTERM");
  const [code, signal] = await once(running.child, "exit");
  expect([code, signal]).toEqual([0, null]);
  expect(running.output().trim().split("\n")).toEqual(["began a", "ended a", "drained"]);
  const left = await world.apogee.consumer("g").receive({ max: 10 });
  expect(left.map((message) => [message.text(), message.attempt])).toEqual([["b", 1]]);
});

it("dies of a second SIGTERM", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  await using running = await program(
    world,
    `import { Apogee } from ${JSON.stringify(new URL("../../client/index.ts", import.meta.url).href)};
     await new Apogee().consumer("g").run((_, { signal }) => {
       console.log("began");
       return new Promise(() => setInterval(() => console.log(process.listenerCount("SIGTERM")), 5));
     });`,
  );
  await eventually(() => expect(running.output()).toContain("1"));
  running.child.kill("SIGTERM");
  await eventually(() => expect(running.output()).toContain("0"));
  running.child.kill("SIGTERM");
  expect(await once(running.child, "exit")).toEqual([null, "SIGTERM"]);
});

it("does not begin once it was stopped while it learned of its group", async () => {
  await using world = await open();
  const stopping = new AbortController();
  world.wire.fail("/groups/g", async (pass) => {
    const response = await pass();
    const text = await response.text();
    // Not by assignment: a class of responses that a server library puts in place has methods that cannot be assigned.
    return Object.defineProperty(response, "text", {
      value: async () => {
        stopping.abort();
        return text;
      },
    });
  });
  await world.apogee.consumer("g").run(() => undefined, { signal: stopping.signal });
  expect(world.wire.count("/receive")).toBe(0);
});
