import { PassThrough } from "node:stream";
import { describe, expect, it, test } from "vitest";
import { confirm } from "../../cli/confirm.ts";
import { Progress } from "../../cli/progress.ts";
import { Redrawn } from "../../cli/redrawn.ts";
import { tableText } from "../../cli/table.ts";

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
