import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { HttpWebhooks } from "../../../functions/webhooks/http-webhooks.ts";
import { makeCertificates } from "../../e2e/certificates.ts";
import { type Endpoint, startEndpoint, startRawEndpoint } from "./endpoint.ts";
import { LOOPBACK, post, requestTo } from "./posting.ts";
import { targetsOf } from "./targets.ts";

const openssl = spawnSync("openssl", ["version"]).status === 0;
if (!openssl) console.log("webhooks over TLS: not run, openssl is missing");

const REGION = "eu-central-1";
/** A name that the certificate is for. */
const HOST = `checks.lambda-url.${REGION}.on.aws`;

let folder: string;
let ca: string;
let tls: { readonly key: string; readonly cert: string };

beforeAll(async () => {
  if (!openssl) return;
  folder = await mkdtemp(join(tmpdir(), "apogee-webhooks-"));
  const made = await makeCertificates(folder, REGION);
  ca = readFileSync(made.ca, "utf8");
  tls = { key: readFileSync(made.key, "utf8"), cert: readFileSync(made.certificate, "utf8") };
});
afterAll(async () => {
  if (openssl) await rm(folder, { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const trusting = (authority: string | undefined) =>
  new HttpWebhooks({
    targets: targetsOf("127.0.0.1/32"),
    lookup: async () => LOOPBACK,
    ...(authority !== undefined && { ca: authority }),
  });
const secureRequestTo = ({ port }: Endpoint, host = HOST) => ({ ...requestTo({ port }), url: `https://${host}:${port}/checks` });
const accepting = () => startEndpoint((response) => response.end("{}"), { tls });

describe.skipIf(!openssl)("over TLS", () => {
  it("the name of the URL is the one in SNI, in Host and in the certificate", async () => {
    const endpoint = await accepting();
    expect(await post(trusting(ca), secureRequestTo(endpoint))).toEqual({ ok: true, status: 200, body: "{}" });
    expect(endpoint.requests[0]).toMatchObject({ servername: HOST, headers: { host: `${HOST}:${endpoint.port}` } });
    await endpoint.closed();
  });

  it("an address in the URL is the one in the certificate, and is not in SNI", async () => {
    const endpoint = await accepting();
    expect(await post(trusting(ca), secureRequestTo(endpoint, "127.0.0.1"))).toMatchObject({ ok: true });
    expect(endpoint.requests[0]?.servername).toBe(false);
  });

  it("a certificate of an unknown authority is refused, before anything is sent", async () => {
    const endpoint = await accepting();
    expect(await post(trusting(undefined), secureRequestTo(endpoint))).toMatchObject({ ok: false, reason: "tls" });
    expect([endpoint.connections(), endpoint.requests]).toEqual([1, []]);
  });

  it("a certificate for another name is refused, before anything is sent", async () => {
    const endpoint = await accepting();
    expect(await post(trusting(ca), secureRequestTo(endpoint, "elsewhere.test"))).toMatchObject({ ok: false, reason: "tls" });
    expect([endpoint.connections(), endpoint.requests]).toEqual([1, []]);
  });

  it("no variable of the process turns that off", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const endpoint = await accepting();
    expect(await post(trusting(undefined), secureRequestTo(endpoint))).toMatchObject({ ok: false, reason: "tls" });
    expect(endpoint.requests).toEqual([]);
  });

  it("a session of one webhook is not taken up by the next", async () => {
    const endpoint = await accepting();
    const webhooks = trusting(ca);
    expect(await post(webhooks, secureRequestTo(endpoint))).toMatchObject({ ok: true });
    expect(await post(webhooks, secureRequestTo(endpoint, "elsewhere.test"))).toMatchObject({ ok: false, reason: "tls" });
  });

  it("an endpoint without TLS is refused, and one that hangs up in the handshake", async () => {
    const plain = await startEndpoint((response) => response.end("{}"));
    expect(await post(trusting(ca), secureRequestTo(plain))).toMatchObject({ ok: false, reason: "tls" });
    expect(plain.requests).toEqual([]);
    const silent = await startRawEndpoint((socket) => socket.once("data", () => socket.destroy()));
    expect(await post(trusting(ca), secureRequestTo(silent))).toMatchObject({ ok: false, reason: "tls" });
  });
});
