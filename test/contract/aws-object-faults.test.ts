import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import type { Fault } from "../support/faults/fault-proxy.ts";
import { garbledRequest, halfAnswer, lostAnswer, lostRequest, s3Error, silence } from "../support/faults/fault-proxy-faults.ts";
import { wholeObject } from "../support/stores/stored-objects.ts";
import { connect, connectThroughFaults, failureOf, meteredEnd, openAwsObjects } from "./aws-stores.ts";

const SILENCE_MS = 100;
const BEFORE = new Uint8Array(5_000).fill(1);
const AFTER = new Uint8Array(6_000).fill(2);

describe("objects of aws, on failing calls", () => {
  let direct: Awaited<ReturnType<typeof openAwsObjects>>;
  let faulty: Awaited<ReturnType<typeof connectThroughFaults>>;
  let objects: ObjectStore;
  let key: string;
  let keys = 0;

  beforeAll(async () => {
    direct = await openAwsObjects();
  });
  afterAll(() => direct.close());
  beforeEach(async () => {
    faulty = await connectThroughFaults(direct.endpoint);
    objects = faulty.objects;
    key = `faults/${keys++}`;
  });
  afterEach(() => faulty.close());

  test("a put is given up when its caller has no more time, long before its own patience ends", async () => {
    faulty.inject(silence);
    const startMs = performance.now();
    const { error } = await meteredEnd(faulty.ledger, () => objects.put(key, AFTER, { withinMs: SILENCE_MS }));
    expect(error).toMatchObject({ name: "StoreUnavailable", outcome: "unknown" });
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  describe("a put", () => {
    const put = () => objects.put(key, AFTER);
    const refusals: readonly (readonly [string, Fault, object])[] = [
      ["it is told to slow down", s3Error("SlowDown", 503), { reason: "throttled" }],
      ["another change of the key runs", s3Error("OperationAborted", 409), { reason: "conflict" }],
      ["it is not allowed", s3Error("AccessDenied", 403), { reason: "unavailable", message: /do not allow it/ }],
      ["the bucket is elsewhere", s3Error("PermanentRedirect", 301), { reason: "unavailable", message: /in another region/ }],
      ["its bytes changed on the way", garbledRequest, { reason: "unavailable", message: /BadDigest|SHA256Mismatch/ }],
    ];
    test.each(refusals)("is not applied and not repeated when %s", async (_, fault, failure) => {
      faulty.inject(fault);
      const { used, error } = await meteredEnd(faulty.ledger, put);
      expect(error).toMatchObject({ name: "StoreUnavailable", outcome: "not-applied", ...failure });
      expect(used).toMatchObject({ operation: "put", requests: 1, bytes: AFTER.length });
      expect(faulty.requests).toHaveLength(1);
      expect(await wholeObject(direct.store, key)).toBeUndefined();
    });

    const unknowns: readonly (readonly [string, Fault, Uint8Array | undefined])[] = [
      ["the service fails", s3Error("InternalError", 500), undefined],
      ["the service is away", s3Error("ServiceUnavailable", 503), undefined],
      ["the connection breaks before", lostRequest, undefined],
      ["the connection breaks after", lostAnswer, AFTER],
    ];
    test.each(unknowns)("has an unknown outcome and is not repeated when %s", async (_, fault, stored) => {
      faulty.inject(fault);
      const { used, error } = await meteredEnd(faulty.ledger, put);
      expect(error).toMatchObject({ name: "StoreUnavailable", outcome: "unknown", reason: "unavailable" });
      expect(used).toMatchObject({ operation: "put", requests: 1 });
      expect(faulty.requests).toHaveLength(1);
      expect(await wholeObject(direct.store, key)).toEqual(stored);
    });

    test("has an unknown outcome when nobody answers in time", async () => {
      const patient = await connectThroughFaults(direct.endpoint, { objectTimeoutMs: SILENCE_MS });
      objects = patient.objects;
      patient.inject(silence);
      expect(await failureOf(put())).toMatchObject({ name: "StoreUnavailable", outcome: "unknown", reason: "unavailable" });
      expect(patient.requests).toHaveLength(1);
      await patient.close();
    });
  });

  test("a large object is sent at once, as one body with its checksum", async () => {
    await objects.put(key, new Uint8Array(3_000_000));
    const [sent] = faulty.requests;
    expect(sent?.headers).toMatchObject({ "content-length": "3000000", "x-amz-checksum-crc32": expect.any(String) });
    for (const name of ["expect", "transfer-encoding", "x-amz-trailer"]) expect(sent?.headers).not.toHaveProperty(name);
  });

  describe("a read", () => {
    const read = () => objects.getRange(key, 10, 3_000);
    const answer = BEFORE.subarray(10, 3_010);
    const transient: readonly (readonly [string, Fault])[] = [
      ["throttled", s3Error("SlowDown", 503)],
      ["failed", s3Error("InternalError", 500)],
      ["lost", lostRequest],
      ["cut short", halfAnswer],
    ];
    test.each(transient)("that is %s is repeated twice, and answers once it can", async (_, fault) => {
      await direct.store.put(key, BEFORE);
      faulty.inject(fault, fault);
      const { used, ...end } = await meteredEnd(faulty.ledger, read);
      expect(end).toEqual({ answer });
      expect(used).toMatchObject({ operation: "getRange", requests: 3 });

      faulty.inject(fault, fault, fault);
      const failed = await meteredEnd(faulty.ledger, read);
      expect(failed.error).toMatchObject({ name: "StoreUnavailable", outcome: "not-applied" });
      expect(failed.used).toMatchObject({ operation: "getRange", requests: 3, bytes: 0 });
      expect(faulty.requests).toHaveLength(6);
    });

    test("that nobody answers in time is given up", async () => {
      const patient = await connectThroughFaults(direct.endpoint, { objectTimeoutMs: SILENCE_MS });
      objects = patient.objects;
      patient.inject(silence, silence, silence);
      expect(await failureOf(read())).toMatchObject({ name: "StoreUnavailable", outcome: "not-applied", reason: "unavailable" });
      expect(patient.requests).toHaveLength(3);
      await patient.close();
    });
  });

  test("a missing bucket is named, not taken for a missing object", async () => {
    const { objects: lost, disconnect } = connect({ endpoint: direct.endpoint, bucket: "elsewhere" });
    const missing = { outcome: "not-applied", message: /on bucket elsewhere: there is no such bucket/ };
    for (const call of [() => lost.put(key, AFTER), () => wholeObject(lost, key)]) {
      expect(await failureOf(call())).toMatchObject(missing);
    }
    await disconnect();
  });
});
