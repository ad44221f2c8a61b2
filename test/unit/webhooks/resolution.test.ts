import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";
import { startEndpoint, startRawEndpoint } from "./endpoint.ts";
import { LOOPBACK, loopbackWebhooks, post, requestTo } from "./posting.ts";
import { httpTargetsOf } from "./targets.ts";

/** An address of this host that is not allowed. */
const ELSEWHERE = process.platform === "linux" ? "127.0.0.2" : "::1";

const address = (text: string): LookupAddress => ({ address: text, family: text.includes(":") ? 6 : 4 });

/** A name server that answers with each of `answers` in turn, and then again with the last; and what was asked. */
function nameServer(...answers: readonly (readonly LookupAddress[])[]) {
  const asked: string[] = [];
  const lookup = async (host: string) => {
    asked.push(host);
    return answers[Math.min(asked.length, answers.length) - 1] ?? [];
  };
  return { asked, lookup };
}

describe("a name", () => {
  it("is resolved once: what a second answer would be plays no part", async () => {
    const allowed = await startEndpoint((response) => response.end("{}"));
    const forbidden = await startRawEndpoint(() => undefined, ELSEWHERE, allowed.port);
    const { asked, lookup } = nameServer(LOOPBACK, [address(ELSEWHERE)]);
    const webhooks = loopbackWebhooks({ lookup });
    const request = requestTo(allowed, "/", "rebinding.test");

    expect(await post(webhooks, request)).toMatchObject({ ok: true });
    expect(asked).toEqual(["rebinding.test"]);
    expect(await post(webhooks, request)).toMatchObject({ ok: false, reason: "refused-address" });
    expect(asked).toHaveLength(2);
    expect([allowed.connections(), forbidden.connections()]).toEqual([1, 0]);
  });

  it.each([
    ["loopback", ["127.0.0.2"]],
    ["the metadata of a cloud", ["169.254.169.254"]],
    ["a private address in IPv6 clothes", ["::ffff:10.0.0.1", "64:ff9b::a00:1"]],
    ["the unspecified address, which reaches this host", ["0.0.0.0", "::"]],
    ["an address with a zone", ["fe80::1%lo"]],
    ["what is no address", ["localhost", ""]],
  ])("that resolves to %s is refused, and nothing is connected to", async (_what, found) => {
    const here = await startRawEndpoint(() => undefined, "0.0.0.0");
    const { lookup } = nameServer(found.map(address));
    expect(await post(loopbackWebhooks({ lookup }), requestTo(here, "/", "inside.test"))).toMatchObject({
      ok: false,
      reason: "refused-address",
    });
    expect(here.connections()).toBe(0);
  });

  it("that resolves to several addresses is reached at those that may be, and at no other", async () => {
    const allowed = await startEndpoint((response) => response.end("{}"));
    const forbidden = await startRawEndpoint(() => undefined, ELSEWHERE, allowed.port);
    const { lookup } = nameServer([address(ELSEWHERE), address("127.0.0.1"), address("10.0.0.1")]);
    expect(await post(loopbackWebhooks({ lookup }), requestTo(allowed, "/", "mixed.test"))).toMatchObject({ ok: true });
    expect([allowed.connections(), forbidden.connections()]).toEqual([1, 0]);
  });

  it("is reached at its next address where the first does not answer", async () => {
    const endpoint = await startEndpoint((response) => response.end("{}"));
    const { lookup } = nameServer([address("::1"), address("127.0.0.3"), address("127.0.0.1")]);
    const webhooks = loopbackWebhooks({ lookup, targets: httpTargetsOf("127.0.0.0/8", "::1/128") });
    expect(await post(webhooks, requestTo(endpoint, "/", "several.test"))).toMatchObject({ ok: true });
  });

  it("without an address, or without an answer, is not found", async () => {
    const request = requestTo({ port: 80 }, "/", "nowhere.test");
    const failing = () => Promise.reject(Object.assign(new Error("queryA ENOTFOUND"), { code: "ENOTFOUND" }));
    for (const lookup of [failing, async () => []]) {
      expect(await post(loopbackWebhooks({ lookup }), request)).toMatchObject({ ok: false, reason: "dns" });
    }
  });

  it("is what the system says where nothing else is given", async () => {
    const endpoint = await startEndpoint((response) => response.end("{}"));
    expect(await post(loopbackWebhooks(), requestTo(endpoint, "/", "localhost"))).toMatchObject({ ok: true });
  });
});

describe("an address in the URL", () => {
  it("is checked before anything is asked or sent", async () => {
    const here = await startRawEndpoint(() => undefined, "0.0.0.0");
    const { asked, lookup } = nameServer(LOOPBACK);
    for (const host of ["127.0.0.2", "0x7f.2", "2130706434", "0.0.0.0", "[::ffff:127.0.0.2]", "[::1]", "169.254.169.254"]) {
      const request = { ...requestTo(here), url: `http://${host}:${here.port}/` };
      expect(await post(loopbackWebhooks({ lookup }), request), host).toMatchObject({ ok: false, reason: "refused-address" });
    }
    expect([asked, here.connections()]).toEqual([[], 0]);
  });

  it("is connected to in the spelling that was checked", async () => {
    const endpoint = await startEndpoint((response) => response.end("{}"));
    for (const host of ["127.0.0.1", "127.1", "0x7f000001", "[::ffff:127.0.0.1]"]) {
      const request = { ...requestTo(endpoint), url: `http://${host}:${endpoint.port}/` };
      expect(await post(loopbackWebhooks(), request), host).toMatchObject({ ok: true });
    }
  });
});

it("a URL that the settings no longer allow is refused before anything is asked", async () => {
  const { asked, lookup } = nameServer(LOOPBACK);
  const targets = { ...httpTargetsOf("127.0.0.0/8"), allowHttp: false };
  const reply = await post(loopbackWebhooks({ lookup, targets }), requestTo({ port: 80 }, "/", "endpoint.test"));
  expect(reply).toMatchObject({ ok: false, reason: "refused-url" });
  expect(asked).toEqual([]);
});
