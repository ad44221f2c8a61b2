import { expect, it } from "vitest";
import { BrokerError, ERROR_CODES, type ErrorCodeName } from "../../core/errors.ts";
import { Code } from "../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { STATUS_CODES, statusOf } from "../../functions/grpc/status.ts";

const names = Object.keys(ERROR_CODES) as ErrorCodeName[];
const codes: ReadonlySet<number> = new Set(Object.values(Code));

it.each(names)("%s is a failure that RocketMQ's clients know", (name) => {
  const { code, message } = statusOf(new BrokerError(name, "what to do")) ?? {};
  expect(code).toBe(STATUS_CODES[name]);
  expect(codes).toContain(code);
  expect([Code.CODE_UNSPECIFIED, Code.OK, Code.MULTIPLE_RESULTS]).not.toContain(code);
  expect(message).toBe("what to do");
});

it("knows no other names", () => {
  expect(Object.keys(STATUS_CODES).sort()).toEqual([...names].sort());
});

it("says nothing of failures that are the server's", () => {
  expect(statusOf(new Error("secret"))).toBeUndefined();
});
