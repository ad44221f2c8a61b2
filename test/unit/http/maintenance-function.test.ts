import pino from "pino";
import { describe, expect, it } from "vitest";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { createMaintenanceFunction } from "../../../functions/lambda/maintenance-function.ts";
import { functionContext, memoryStores } from "../../support/aws/function-fixture.ts";

const TICK = { time: "2026-01-01T00:00:00Z" };
const environment = { TABLE: "table", BUCKET: "bucket", AWS_REGION: "eu-central-1" };

function setUp(openStores = memoryStores) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { handler: createMaintenanceFunction({ environment, openStores, log }), lines };
}

describe("the maintenance function", () => {
  it("does what there is to do, and logs it with the tick", async () => {
    const { handler, lines } = setUp();
    await handler(TICK, functionContext(60_000));
    expect(lines).toMatchObject([
      { msg: "maintenance", tick: TICK.time, lambdaRequestId: "lambda-request", complete: true, durationMs: expect.any(Number) },
    ]);
  });

  it("opens its stores once", async () => {
    let opened = 0;
    const { handler } = setUp(() => {
      opened++;
      return memoryStores();
    });
    for (let tick = 0; tick < 3; tick++) await handler(TICK, functionContext(60_000));
    expect(opened).toBe(1);
  });

  it("fails a tick whose store is away, and works with the next", async () => {
    let opened = 0;
    const { handler, lines } = setUp(() => {
      if (opened++ === 0) throw new StoreUnavailable("not-applied", "unavailable", "away");
      return memoryStores();
    });
    await expect(handler(TICK, functionContext(60_000))).rejects.toThrow("away");
    expect(lines).toMatchObject([{ msg: "maintenance failed", err: { message: "away" } }]);
    await handler(TICK, functionContext(60_000));
    expect(lines.at(-1)).toMatchObject({ msg: "maintenance" });
  });
});
