import type { HttpBindings } from "@hono/node-server";
import { BodyCollector, bodyEndedEarly } from "../body-collector.ts";
import type { Inbound, RawRequest } from "../inbound.ts";
import { webInbound } from "../web-inbound.ts";
import { clientAddress } from "./client-address.ts";

/** A client that has ended its side counts as gone: with nothing to send yet, this cannot be told apart. */
function goneSignal({ incoming: { socket }, outgoing }: HttpBindings): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (socket.destroyed || socket.readableEnded) abort();
  socket.once("end", abort);
  outgoing.once("close", () => {
    socket.off("end", abort);
    abort();
  });
  return controller.signal;
}

const incomingOf = (raw: RawRequest): HttpBindings["incoming"] => (raw.env as HttpBindings).incoming;

/** Reads a request of node:http from its own events and headers, without creating a web stream, Headers or URL. */
export const nodeInbound: Inbound = {
  target(raw) {
    const url = incomingOf(raw).url ?? "/";
    // A proxy's request names the whole URL.
    return url.startsWith("/") ? url : webInbound.target(raw);
  },

  header(raw, name) {
    const value = incomingOf(raw).headers[name];
    return typeof value === "string" ? value : value?.join(", ");
  },

  headers: (raw) =>
    Object.entries(incomingOf(raw).headers).map(([name, value]) => [
      name,
      typeof value === "object" ? value.join(", ") : (value ?? ""),
    ]),

  disconnected: ({ env }) => goneSignal(env as HttpBindings),

  connection(raw) {
    const { httpVersion, socket } = incomingOf(raw);
    return { httpVersion, localAddress: socket.localAddress };
  },
  logFields: (raw) => ({ address: clientAddress(incomingOf(raw).socket) }),

  body(raw, take) {
    const incoming = incomingOf(raw);
    return new Promise((resolve, reject) => {
      const collector = new BodyCollector(Number(incoming.headers["content-length"] ?? Number.NaN), take);
      const end = (failure?: Error) => {
        incoming.off("data", onData).off("end", onEnd).off("error", onClose).off("close", onClose);
        // The rest of a refused body is discarded, so that its client reaches the answer.
        incoming.resume();
        if (failure) return reject(failure);
        try {
          resolve(collector.finish());
        } catch (error) {
          reject(error);
        }
      };
      const onEnd = () => end();
      const onClose = () => end(bodyEndedEarly());
      const onData = (chunk: Buffer) => {
        if (!collector.add(chunk)) end();
      };
      incoming.on("data", onData).on("end", onEnd).on("error", onClose).on("close", onClose);
      if (incoming.destroyed) onClose();
    });
  },
};
