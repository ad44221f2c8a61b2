import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { brokerForTests, type CliOptions, documents, runCli } from "./run-cli.ts";

const KEY = "correct-horse-battery-staple-0123456789";
const broker = brokerForTests({ API_KEY: KEY });

/** Runs verbs with a config folder of its own. */
function withConfig(name: string) {
  const folder = join(broker.folder, name);
  const environment = { XDG_CONFIG_HOME: folder, APOGEE_CONFIG: "" };
  return {
    folder: join(folder, "apogee"),
    file: join(folder, "apogee", "config.json"),
    run: (args: readonly string[], options: CliOptions = {}) =>
      runCli(args, { ...options, environment: { ...environment, ...options.environment } }),
  };
}

test("contexts are added, listed, chosen and forgotten, and never show their keys", async () => {
  const { run, folder, file } = withConfig("own");
  const added = await run(["context", "add", "prod", "--endpoint", `${broker.url}/`, "--api-key", "-"], { stdin: `${KEY}\n` });
  expect(added).toMatchObject({ code: 0, err: "" });
  await run(["context", "add", "other", "--endpoint", "http://localhost:1"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readdirSync(folder)).toEqual(["config.json"]);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    current: "prod",
    contexts: { prod: { endpoint: broker.url, apiKey: KEY }, other: { endpoint: "http://localhost:1" } },
  });
  const listed = await run(["context", "ls", "--json"]);
  expect(documents(listed.out)).toEqual([
    { name: "prod", endpoint: broker.url, hasApiKey: true, current: true },
    { name: "other", endpoint: "http://localhost:1", hasApiKey: false, current: false },
  ]);
  const table = await run(["context", "ls"]);
  for (const { out, err } of [added, listed, table]) expect(out + err).not.toContain(KEY);
  expect(await run(["topic", "ls"])).toMatchObject({ code: 0 });

  expect(await run(["context", "use", "other"])).toMatchObject({ code: 0 });
  expect(await run(["topic", "ls"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("http://localhost:1 cannot be reached"),
  });
  expect(await run(["topic", "ls", "--context", "prod"])).toMatchObject({ code: 0 });
  expect(await run(["context", "rm", "other"])).toMatchObject({ code: 2 });
  expect(await run(["context", "rm", "other", "--yes"])).toMatchObject({ code: 0 });
  expect(await run(["context", "use", "other"])).toMatchObject({
    code: 4,
    err: "apogee: There is no context other. There are: prod.\n",
  });
});

test("options go before the environment, that before the current context, and a key goes to its own endpoint only", async () => {
  const { run } = withConfig("order");
  await run(["context", "add", "prod", "--endpoint", broker.url, "--api-key", KEY]);
  const nowhere = { environment: { APOGEE_ENDPOINT: "http://localhost:1" } };
  expect(await run(["topic", "ls"], nowhere)).toMatchObject({ code: 1 });
  expect(await run(["topic", "ls", "--context", "prod"], nowhere)).toMatchObject({ code: 0 });
  expect(await run(["topic", "ls", "--endpoint", broker.url])).toMatchObject({ code: 5 });
  expect(await run(["topic", "ls", "--endpoint", broker.url, "--api-key", KEY])).toMatchObject({ code: 0 });
  expect(await run(["topic", "ls"], { environment: { APOGEE_API_KEY: "wrong" } })).toMatchObject({ code: 5 });
  expect(await run(["topic", "ls", "--context", "prod", "--endpoint", broker.url])).toMatchObject({ code: 2 });
  expect(await run(["topic", "ls", "--endpoint", "localhost:8080"])).toMatchObject({
    code: 2,
    err: "apogee: localhost:8080 (--endpoint) is no address of a broker, such as http://localhost:8080.\n",
  });
});

test("a context is replaced only where that is confirmed, and nothing is asked where nothing is lost", async () => {
  const { run, file } = withConfig("replaced");
  const add = (endpoint: string, ...options: string[]) => run(["context", "add", "prod", "--endpoint", endpoint, ...options]);
  const prod = () => JSON.parse(readFileSync(file, "utf8")).contexts.prod;
  await add("http://localhost:1");
  for (const _ of ["gets a key", "stays as it is"])
    expect(await add("http://localhost:1", "--api-key", "k1")).toMatchObject({ code: 0 });
  for (const [endpoint, ...options] of [
    ["http://localhost:2", "--api-key", "k1"],
    ["http://localhost:1", "--api-key", "k2"],
    ["http://localhost:1"],
  ] as const)
    expect(await add(endpoint, ...options)).toMatchObject({ code: 2, err: expect.stringContaining("--yes confirms it") });
  expect(prod()).toEqual({ endpoint: "http://localhost:1", apiKey: "k1" });
  expect(await add("http://localhost:2", "--yes")).toMatchObject({ code: 0 });
  expect(prod()).toEqual({ endpoint: "http://localhost:2" });
});

test("a file that is none of contexts is named, and stays as it is", async () => {
  const { run, folder, file } = withConfig("broken");
  mkdirSync(folder, { recursive: true });
  for (const text of ["{", "null", "{}", '{"contexts":{"a":1}}']) {
    writeFileSync(file, text);
    expect(await run(["context", "add", "a", "--endpoint", "http://localhost:1"])).toMatchObject({
      code: 2,
      err: `apogee: ${file} is not a file of contexts: mend it or remove it.\n`,
    });
    expect(readFileSync(file, "utf8")).toBe(text);
  }
});

test("the doctor looks at everything and says what to do", async () => {
  const { run, file } = withConfig("doctor");
  await run(["context", "add", "prod", "--endpoint", broker.url, "--api-key", KEY]);
  chmodSync(file, 0o640);
  const well = await run(["doctor", "--json"]);
  expect(well).toMatchObject({ code: 0, err: "" });
  expect(documents(well.out).map(({ check, status }) => `${check} ${status}`)).toEqual([
    "node ok",
    "config warning",
    "connection ok",
    "latency ok",
    "clock ok",
    "key ok",
    "store ok",
  ]);
  expect(documents(well.out)[1]).toMatchObject({ advice: `others can read its API keys: chmod 600 ${file}` });

  const noKey = await run(["doctor", "--endpoint", broker.url]);
  expect(noKey).toMatchObject({ code: 1, out: expect.stringContaining("set APOGEE_API_KEY") });
  const nowhere = await run(["doctor", "--endpoint", "http://localhost:1"]);
  expect(nowhere).toMatchObject({ code: 1, out: expect.stringContaining("start a server with apogee start") });
});
