import { once } from "node:events";
import { expect, test } from "vitest";
import { brokerForTests, documents, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();

interface Row {
  readonly what: string;
  readonly messages: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const NOTE = "The client runs in this process: its own limits are in these figures.\n";

/** What a bench leaves behind. */
const left = async () => [...(await broker.json("topic", "ls")), ...(await broker.json("group", "ls"))];

const bench = async (...options: string[]) => {
  const { code, out, err } = await broker.run(["bench", "--seconds", "1", "--json", ...options]);
  expect({ code, err }).toEqual({ code: 0, err: NOTE });
  const rows = documents<Row>(out);
  for (const { messages, seconds, perSecond, p50Ms, p99Ms, maxMs } of rows) {
    expect(messages).toBeGreaterThan(0);
    expect(Math.abs(perSecond - messages / seconds)).toBeLessThan(1 + perSecond / 100);
    expect(p50Ms).toBeGreaterThan(0);
    expect([p50Ms, p99Ms, maxMs]).toEqual([p50Ms, p99Ms, maxMs].sort((a, b) => a - b));
  }
  expect(await left()).toEqual([]);
  return rows;
};

test("sends, receives and acknowledges, and deletes what it made", async () => {
  const rows = await bench("--concurrency", "4", "--size", "10");
  expect(rows.map(({ what }) => what)).toEqual(["send", "receive", "end to end"]);
  // What was sent was received, all of it.
  expect(new Set(rows.map(({ messages }) => messages)).size).toBe(1);
});

test("sends alone, by batches of the caller's or of the client's", async () => {
  const [batches] = await bench("--mode", "send", "--batch", "50", "--concurrency", "2");
  expect((batches?.messages ?? 1) % 50).toBe(0);
  expect(await bench("--mode", "send", "--linger", "1")).toMatchObject([{ what: "send" }]);
});

test("receives alone", async () => {
  expect(await bench("--mode", "consume", "--concurrency", "8")).toMatchObject([{ what: "receive" }]);
});

test("Ctrl-C shows what was measured, and deletes what was made", async () => {
  const child = spawnCli(["bench", "--seconds", "600", "--concurrency", "2"], { environment: { APOGEE_ENDPOINT: broker.url } });
  const end = ended(child);
  // A line tells how far it is.
  await once(child.stderr as NodeJS.ReadableStream, "data");
  child.kill("SIGINT");
  const { code, out, err } = await end;
  expect(code).toBe(130);
  expect(out).toMatch(/^WHAT +MESSAGES +SECONDS +PER SECOND +P50 MS +P99 MS +MAX MS\nsend +\d+ /);
  expect(err).toMatch(/^\d+ messages sent, \d+ per second\n/);
  expect(await left()).toEqual([]);
}, 20_000);

test("a broker that is not there is said to be so", async () => {
  const { code, err } = await broker.run(["bench", "--endpoint", "http://localhost:4"]);
  expect(code).toBe(1);
  expect(err).toMatch(/^apogee: http:\/\/localhost:4 cannot be reached .*\n$/);
});
