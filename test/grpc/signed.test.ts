import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GrpcTestServer, startGrpcTestServer } from "./grpc-test-server.ts";
import { dateTimeOf, RawClient, type RawClientOptions } from "./raw-client.ts";
import { producerSettings, receive } from "./requests.ts";
import { signature } from "./signature.ts";

const [SECRET, NEXT_SECRET] = ["s".repeat(32), "n".repeat(32)];
const MINUTE_MS = 60_000;
let server: GrpcTestServer;
const clients: RawClient[] = [];

beforeAll(async () => {
  server = await startGrpcTestServer(undefined, { credentials: { accessKey: "key", secrets: [NEXT_SECRET, SECRET] } });
});

afterAll(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

function client(metadata: () => Record<string, string>, options: RawClientOptions = {}): RawClient {
  const made = new RawClient(server.address, { ...options, metadata });
  clients.push(made);
  return made;
}

const codeOf = async (metadata: Record<string, string>): Promise<number | undefined> =>
  (await client(() => metadata).call("heartbeat", { clientType: 1 })).status?.code;

describe.concurrent("a server with a key", () => {
  it("lets in who signs with one of its secrets, whatever follows the access key, in either case", async () => {
    const now = dateTimeOf(Date.now());
    expect(await codeOf(signature(SECRET, now, "key"))).toBe(20_000);
    expect(await codeOf(signature(NEXT_SECRET, now, "key"))).toBe(20_000);
    expect(await codeOf(signature(SECRET, now, "key/region/service"))).toBe(20_000);
    const { authorization = "", ...rest } = signature(SECRET, now, "key");
    const lower = authorization.replace(/[0-9A-F]{40}$/, (hex) => hex.toLowerCase());
    expect(await codeOf({ ...rest, authorization: lower })).toBe(20_000);
  });

  it("answers 40100 to everybody else", async () => {
    const now = dateTimeOf(Date.now());
    const good = signature(SECRET, now, "key");
    expect(await codeOf({})).toBe(40_100);
    expect(await codeOf(signature("w".repeat(32), now, "key"))).toBe(40_100);
    expect(await codeOf(signature(SECRET, now, "other"))).toBe(40_100);
    expect(await codeOf(signature(SECRET, now, ""))).toBe(40_100);
    expect(await codeOf({ ...good, "x-mq-date-time": dateTimeOf(Date.now() + MINUTE_MS) })).toBe(40_100);
    expect(await codeOf({ ...good, authorization: `${good.authorization}00` })).toBe(40_100);
    expect(await codeOf({ ...good, authorization: "Bearer key" })).toBe(40_100);
    expect(await codeOf(signature(SECRET, "yesterday", "key"))).toBe(40_100);
  });

  it("refuses dates that are long ago, or far ahead", async () => {
    const at = (ms: number) => codeOf(signature(SECRET, dateTimeOf(Date.now() + ms), "key"));
    expect(await at(-14 * MINUTE_MS)).toBe(20_000);
    expect(await at(14 * MINUTE_MS)).toBe(20_000);
    expect(await at(-16 * MINUTE_MS)).toBe(40_100);
    expect(await at(16 * MINUTE_MS)).toBe(40_100);
  });

  it("says so on a telemetry stream, which it ends, and to a receive", async () => {
    const unsigned = client(() => ({}));
    const stream = unsigned.telemetry();
    expect(await stream.settings(producerSettings())).toMatchObject({ status: { code: 40_100 }, command: undefined });
    expect(await stream.next()).toBeUndefined();
    expect((await receive(unsigned, "group", "topic")).code).toBe(40_100);
  });

  it("takes TLS on the same port, by a certificate that it made", async () => {
    const channel = credentials.createSsl(null, null, null, { rejectUnauthorized: false, checkServerIdentity: () => undefined });
    const encrypted = client(() => signature(SECRET, dateTimeOf(Date.now()), "key"), { channel });
    expect((await encrypted.call("heartbeat", { clientType: 1 })).status?.code).toBe(20_000);
    const unsigned = client(() => ({}), { channel });
    expect((await unsigned.call("heartbeat", { clientType: 1 })).status?.code).toBe(40_100);
  });
});
