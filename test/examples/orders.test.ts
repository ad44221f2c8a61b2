import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Apogee } from "../../client/apogee.ts";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";

interface Program {
  readonly output: () => string;
  /** What it ended with, after SIGTERM. */
  stop(): Promise<number | null>;
}

const folder = mkdtempSync(join(tmpdir(), "apogee-orders-"));
const children = new Set<ChildProcess>();
let broker: ServerProcess;

function run(file: string, args: readonly string[], environment: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, APOGEE_ENDPOINT: broker.url, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  void ended.then(() => children.delete(child));
  return {
    output: () => output,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

const example = (name: string, environment?: Record<string, string>): Program =>
  run("--import", ["tsx", `examples/orders/${name}.ts`], environment);

async function until(isSo: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  for (const endsAt = Date.now() + 20_000; !(await isSo()); await sleep(20))
    if (Date.now() > endsAt) throw new Error(`not within 20 s: ${what()}`);
}

beforeAll(async () => {
  broker = await startServer({ dataDir: join(folder, "data"), port: await freePort(), logFile: join(folder, "server.log") });
  const apogee = new Apogee({ endpoint: broker.url });
  const setUp = example("set-up");
  await until(
    () =>
      apogee.call("get", "/v1/groups/{group}/subscriptions/{topic}", { path: { group: "billing", topic: "orders" } }).then(
        () => true,
        () => false,
      ),
    setUp.output,
  );
}, 60_000);

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("orders are charged once, a declined one is redriven by the command line and charged then", async () => {
  const apogee = new Apogee({ endpoint: broker.url });
  const port = String(await freePort());
  const service = example("order-service", { PORT: port });
  const worker = example("billing-worker");
  await until(() => service.output().includes("takes orders"), service.output);
  const order = async (body: object): Promise<number> => {
    const { status } = await fetch(`http://127.0.0.1:${port}/orders`, { method: "POST", body: JSON.stringify(body) });
    return status;
  };

  // Twice, as a customer who has lost the answer.
  for (const _ of [1, 2]) expect(await order({ id: "A-1", card: "4242", cents: 990 })).toBe(202);
  expect(await order({ id: "A-2", card: "0000", cents: 500 })).toBe(202);
  expect(await order({ card: "4242" })).toBe(400);
  await until(async () => (await apogee.group("billing").deadLetters()).items.length === 1, worker.output);
  await until(() => worker.output().includes("order A-1"), worker.output);
  expect(await worker.stop(), worker.output()).toBe(0);
  expect(worker.output().match(/charged 990 cents to 4242 for order A-1/g)).toHaveLength(1);
  expect(worker.output()).toContain("drained");

  const second = example("billing-worker", { DECLINED: "" });
  const redrive = run("dist/apogee.mjs", ["dlq", "redrive", "billing", "--yes"]);
  await until(
    () => second.output().includes("charged 500 cents to 0000 for order A-2"),
    () => second.output() + redrive.output(),
  );
  expect(await second.stop()).toBe(0);
  expect(second.output().match(/charged/g)).toHaveLength(1);
  expect((await apogee.group("billing").deadLetters()).items).toEqual([]);
  await service.stop();
});

test("a customer who leaves in the middle of an order does not end the service, and a character may come in two parts", async () => {
  const port = await freePort();
  const service = example("order-service", { PORT: String(port) });
  await until(() => service.output().includes("takes orders"), service.output);
  const body = Buffer.from(JSON.stringify({ id: "Zoë", card: "4242", cents: 990 }));
  const inCharacter = body.indexOf("ë") + 1;
  /** Sends the first part of the order. Resolves when the service has read it. */
  const begin = async () => {
    const customer = connect(port, "127.0.0.1");
    const head = `POST /orders HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`;
    customer.write(Buffer.concat([Buffer.from(head), body.subarray(0, inCharacter)]));
    expect(String(await once(customer, "data"))).toMatch(/^HTTP\/1\.1 100 /);
    return customer;
  };

  (await begin()).destroy();
  const patient = await begin();
  patient.write(body.subarray(inCharacter));
  expect(String(await once(patient, "data"))).toContain('{"id":"Zoë","status":"accepted"}');
  patient.destroy();
  await service.stop();
});
