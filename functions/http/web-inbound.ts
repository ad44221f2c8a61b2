import { BodyCollector } from "./body-collector.ts";
import type { Inbound } from "./inbound.ts";

/** Reads a request through the web's Request alone, as any runtime has it. */
export const webInbound: Inbound = {
  target({ request }) {
    const { url } = request;
    const start = url.indexOf("/", url.indexOf("://") + 3);
    return start < 0 ? "/" : url.slice(start);
  },

  header: ({ request }, name) => request.headers.get(name) ?? undefined,
  headers: ({ request }) => request.headers,

  async body({ request }, take) {
    const { body } = request;
    const collector = new BodyCollector(Number(request.headers.get("content-length") ?? Number.NaN), take);
    if (body === null) return collector.finish();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return collector.finish();
      if (!collector.add(Buffer.from(value.buffer, value.byteOffset, value.byteLength))) {
        await reader.cancel();
        return collector.finish();
      }
    }
  },
};
