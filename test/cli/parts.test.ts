import { PassThrough } from "node:stream";
import { describe, expect, it, test } from "vitest";
import { coloursFor } from "../../cli/colours.ts";
import { confirm } from "../../cli/confirm.ts";
import { messageEnvironment } from "../../cli/consume/message-environment.ts";
import { MessageProcesses } from "../../cli/consume/message-processes.ts";
import { untilEmpty } from "../../cli/consume/until-empty.ts";
import { Latencies } from "../../cli/load/latencies.ts";
import { messageLine } from "../../cli/messages.ts";
import { Progress } from "../../cli/progress.ts";
import { Redrawn } from "../../cli/redrawn.ts";
import { tableText } from "../../cli/table.ts";
import { Apogee } from "../../client/apogee.ts";
import type { ReceivedMessage } from "../../client/received-message.ts";

const STORED = {
  messageId: "01A3185C67706D6900DE3A2784160000",
  topic: "orders",
  queueId: 3,
  offset: "12",
  tag: "paid",
  keys: ["a"],
  properties: {},
  messageGroup: null,
  storedAt: "2030-01-01T00:00:00.000Z",
  body: "",
  bodyEncoding: "utf8",
};

const terminal = () => Object.assign(new PassThrough(), { isTTY: true });

describe("a confirmation", () => {
  const answer = async (typed: string | undefined) => {
    const [stdin, stderr] = [terminal(), terminal()];
    const confirmed = confirm({ loss: "Topic orders will be deleted.", name: "orders" }, { stdin, stderr, isGiven: false });
    stdin.end(typed);
    await confirmed;
    return String(stderr.read());
  };

  it("is the name, typed", async () => {
    expect(await answer("orders\n")).toContain("Topic orders will be deleted.\nType orders to confirm: ");
    await expect(answer("yes\n")).rejects.toMatchObject({ exitCode: 1, message: '"yes" is not orders: nothing was changed.' });
    await expect(answer(undefined)).rejects.toMatchObject({ exitCode: 130 });
  });

  it("is --yes where nobody sits", async () => {
    const parts = { stdin: new PassThrough(), stderr: terminal() };
    const question = { loss: "All is lost.", name: "all" };
    await expect(confirm(question, { ...parts, isGiven: false })).rejects.toMatchObject({ exitCode: 2 });
    await expect(confirm(question, { ...parts, isGiven: true })).resolves.toBeUndefined();
  });
});

describe("progress", () => {
  const shown = (isTTY: boolean) => {
    const stream = Object.assign(new PassThrough(), { isTTY });
    let now = 0;
    const progress = new Progress({ stream, now: () => now, what: "messages sent", total: 100 });
    for (let step = 0; step < 12; step++) {
      now += 1_000;
      progress.advance(5);
    }
    progress.end();
    return String(stream.read());
  };

  it("is a line every five seconds where nobody looks", () => {
    expect(shown(false)).toBe(
      "25 of 100 messages sent, 5 per second, 15 s left\n50 of 100 messages sent, 5 per second, 10 s left\n",
    );
  });

  it("is one line of a terminal, which is clear at the end", () => {
    const text = shown(true);
    expect(text.split("\r\u001b[K")).toHaveLength(14);
    expect(text).not.toContain("\n");
    expect(text.endsWith("60 of 100 messages sent, 5 per second, 8 s left\r\u001b[K")).toBe(true);
  });
});

describe("a table", () => {
  const columns = [
    { heading: "name", cell: ({ name }: { name: string }) => name },
    { heading: "n", cell: ({ n }: { n: number }) => n, align: "right" as const },
  ];
  const items = [
    { name: "word ".repeat(20).trim(), n: 7 },
    { name: "b", n: 12 },
  ];
  const lines = (width: number | undefined) =>
    tableText(columns, items, { width, heading: (text) => text })
      .trimEnd()
      .split("\n");

  it("has one line for each item where it may be as wide as it likes", () => {
    expect(lines(undefined)).toEqual([`${"NAME".padEnd(99)}   N`, `${items[0]?.name}   7`, `${"b".padEnd(99)}  12`]);
  });

  it("wraps its widest column to fit a terminal", () => {
    const wrapped = lines(40);
    expect(wrapped.every((line) => line.length <= 40)).toBe(true);
    expect(wrapped.join(" ").match(/word/g)).toHaveLength(20);
    expect(wrapped[1]).toMatch(/^word .* 7$/);
  });
});

describe("lines that are drawn again", () => {
  const drawn = (rows: number, ...looks: readonly (readonly string[])[]) => {
    const redrawn = new Redrawn(() => rows);
    return looks.map((lines) => redrawn.next(lines).replaceAll("\u001b", "^"));
  };

  it("take the place of those before, line by line, so that nothing is blank in between", () => {
    expect(drawn(24, ["a", "b"], ["c"], ["d"])).toEqual([
      "^[?7l\ra^[K\nb^[K\n^[J^[?7h",
      "^[?7l\r^[2Ac^[K\n^[J^[?7h",
      "^[?7l\r^[1Ad^[K\n^[J^[?7h",
    ]);
  });

  it("begin anew below something else", () => {
    const redrawn = new Redrawn(() => 24);
    redrawn.next(["a", "b"]);
    redrawn.leave();
    expect(redrawn.next(["c"])).not.toMatch(/\d+A/);
  });

  it("are cut to the height of the terminal", () => {
    expect(drawn(4, ["a", "b", "c", "d", "e"], ["f"])).toEqual([
      "^[?7l\ra^[K\nb^[K\n3 more lines^[K\n^[J^[?7h",
      "^[?7l\r^[3Af^[K\n^[J^[?7h",
    ]);
  });
});

test("no cell of a table moves the cursor", () => {
  const columns = [{ heading: "tag", cell: (tag: string) => tag }];
  expect(tableText(columns, ["\u001b[31mred"], { width: undefined, heading: (text) => text })).toBe("TAG\n\\u001b[31mred\n");
});

describe("a message on a line", () => {
  const colours = coloursFor({}, {});
  const message = { ...STORED, body: "a body\nof two lines" };

  it("is whole where it may be as long as it likes", () => {
    expect(messageLine(message, colours)).toBe("2030-01-01T00:00:00.000Z  3@12  tag=paid  key=a  a body\\u000aof two lines\n");
  });

  it("ends where the terminal does", () => {
    const line = messageLine(message, colours, 60);
    expect(line).toBe("2030-01-01T00:00:00.000Z  3@12  tag=paid  key=a  a body\\u00…\n");
    expect(messageLine({ ...message, body: "x".repeat(1_000_000) }, colours, 60)).toHaveLength(61);
  });
});

describe("a process of a message", () => {
  const environment = { PATH: process.env.PATH };
  const start = (script: string, signal: AbortSignal) => {
    let told = "";
    const passOn = async (bytes: Uint8Array) => {
      told += Buffer.from(bytes);
    };
    const processes = new MessageProcesses({ file: "sh", args: ["-c", script], stdout: 1, passOn, killAfterMs: 50 });
    return { end: processes.run({ body: new Uint8Array(), environment, signal }), told: () => told };
  };

  it("that does not heed SIGTERM gets SIGKILL, and so do those that it started", async () => {
    const ending = new AbortController();
    const { end, told } = start("trap '' TERM; sleep 600 & echo $! >&2; wait; sleep 600", ending.signal);
    await expect.poll(told).toMatch(/^\d+\n$/);
    ending.abort();
    // Nothing holds its standard error open any more, so that it was read to its end.
    expect(await end).toEqual({ code: null, signal: "SIGKILL", lastLine: told().trim() });
  });

  it("has ended also where something that it left behind holds its standard error open", async () => {
    const { end, told } = start("sleep 600 & echo $! >&2; exit 4", new AbortController().signal);
    expect(await end).toMatchObject({ code: 4, lastLine: "" });
    process.kill(Number(told()));
  });

  it("ends with the last line of its errors", async () => {
    expect(await start("echo first >&2; printf 'second\\n\\n' >&2; exit 4", new AbortController().signal).end).toEqual({
      code: 4,
      signal: null,
      lastLine: "second",
    });
  });
});

describe("a group that is to become empty", () => {
  /** Waits until it is, with answers to its questions one after the other. */
  async function until(...answers: readonly (readonly [status: number, body: object])[]) {
    let asked = 0;
    const answered: typeof fetch = async () => {
      const [status, body] = answers[asked++] ?? [500, {}];
      return Response.json(body, { status });
    };
    const apogee = new Apogee({ endpoint: "http://localhost", fetch: answered, retry: { maxAttempts: 1 } });
    const clock = { now: () => 0, sleep: async () => undefined };
    await untilEmpty({ apogee, clock, group: "g", topics: undefined, signal: new AbortController().signal });
    return asked;
  }
  const lag = (waiting: number) => [200, { topics: [{ topic: "t", lag: waiting }], nextCursor: null }] as const;

  it("is asked about again while the broker cannot tell", async () => {
    expect(await until(lag(1), [503, {}], lag(1), lag(0))).toBe(4);
  });

  it("is not waited for where there is none", async () => {
    await expect(until(lag(1), [404, {}], lag(0))).rejects.toMatchObject({ status: 404 });
  });
});

describe("the environment of a command", () => {
  it("has what a sender wrote under names of its own", () => {
    const properties = { PATH: "/evil", "a-b c": "1", nul: "x\0y" };
    const message = { ...STORED, properties, attempt: 1, maxAttempts: 2, bornAt: STORED.storedAt } as unknown as ReceivedMessage;
    const environment = messageEnvironment(message, { PATH: "/bin", APOGEE_PROPERTY_old: "of an outer message" });
    expect(environment).toMatchObject({
      PATH: "/bin",
      APOGEE_PROPERTY_PATH: "/evil",
      APOGEE_PROPERTY_a_b_c: "1",
      APOGEE_KEYS: "a",
    });
    expect(environment.APOGEE_PROPERTY_nul).toBe("x\ufffdy");
    expect(environment).not.toHaveProperty("APOGEE_PROPERTY_old");
  });
});

describe("latencies", () => {
  it("are known to one percent", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 1_000; ms++) latencies.add(ms);
    for (const share of [0.5, 0.99]) {
      const exact = share * 1_000;
      expect(latencies.quantileMs(share)).toBeGreaterThanOrEqual(exact);
      expect(latencies.quantileMs(share)).toBeLessThanOrEqual(exact * 1.01 + 1e-9);
    }
    expect([latencies.quantileMs(1), latencies.maxMs]).toEqual([1_000, 1_000]);
  });

  it("are none where nothing was measured", () => {
    expect([new Latencies().quantileMs(0.5), new Latencies().maxMs]).toEqual([null, null]);
  });
});
