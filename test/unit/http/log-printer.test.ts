import { stripVTControlCharacters } from "node:util";
import pino from "pino";
import { expect, it } from "vitest";
import { openLogPrinter } from "../../../functions/runtime/log-printer.ts";

const TIME = /^\[\d\d:\d\d:\d\d\.\d{3}\] /;

/** What a person reads of a line. */
async function printed(write: (log: pino.Logger) => void): Promise<string> {
  const print = await openLogPrinter("pretty", false);
  const lines: string[] = [];
  write(pino({ base: null }, { write: (line: string) => void lines.push(print?.(line) ?? line) }));
  const text = stripVTControlCharacters(lines.join(""));
  expect(text).toMatch(TIME);
  expect(text.endsWith("\n")).toBe(true);
  return text.replace(TIME, "").trimEnd();
}

it("prints for people on a terminal, or where they say so", async () => {
  expect(await openLogPrinter("auto", false)).toBeUndefined();
  expect(await openLogPrinter("json", true)).toBeUndefined();
  for (const printer of [await openLogPrinter("auto", true), await openLogPrinter("pretty", false)])
    expect(printer).toBeTypeOf("function");
});

it("says in a line what was asked for, and what came of it", async () => {
  const request = {
    requestId: "r1",
    address: "10.0.0.7",
    method: "POST",
    path: "/v1/topics/orders",
    route: "/v1/topics/{topic}",
  };
  expect(
    await printed((log) => log.info({ ...request, status: 405, code: "METHOD_NOT_ALLOWED", durationMs: 0.7 }, "request")),
  ).toBe('INFO: POST /v1/topics/orders 405 METHOD_NOT_ALLOWED in 0.7 ms {"requestId":"r1","address":"10.0.0.7"}');
  expect(await printed((log) => log.info({ ...request, status: 200, durationMs: 12 }, "request"))).toContain(
    "POST /v1/topics/orders 200 in 12 ms",
  );
  expect(await printed((log) => log.info({ requestId: "r1", status: 400, route: "-" }, "request refused"))).toBe(
    'INFO: request refused 400 {"requestId":"r1"}',
  );
});

it("lets nothing that a client sent command the terminal", async () => {
  const line = await printed((log) =>
    log.warn({ event: "deadLettered", reason: "\u001b[2J\u0007gone\n[12:00:00.000] INFO: forged" }, "dead"),
  );
  expect(line).toBe('WARN: dead {"event":"deadLettered","reason":"\\u001b[2J\\u0007gone\\n[12:00:00.000] INFO: forged"}');
});
