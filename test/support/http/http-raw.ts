import { connect } from "node:net";
import type { Api } from "./http-api.ts";

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Writes bytes that no HTTP client would write, and reads until the server closes or falls silent. */
export function exchangeRaw(
  baseUrl: string,
  write: string | readonly (string | Buffer)[],
  silenceMs = 1_500,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const chunks: Buffer[] = [];
    const finish = () => {
      socket.destroy();
      const text = Buffer.concat(chunks).toString();
      const end = text.indexOf("\r\n\r\n");
      const head = end < 0 ? text : text.slice(0, end);
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: end < 0 ? "" : text.slice(end + 4) });
    };
    socket.setTimeout(silenceMs, finish);
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (isComplete(Buffer.concat(chunks).toString("latin1"))) finish();
    });
    socket.on("error", (error) => (chunks.length > 0 ? finish() : reject(error)));
    socket.on("close", finish);
    socket.on("connect", () => {
      for (const part of typeof write === "string" ? [write] : write) socket.write(part);
    });
  });
}

function isComplete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  const length = /^content-length: (\d+)\r?$/im.exec(text.slice(0, end + 2))?.[1];
  return end >= 0 && length !== undefined && text.length >= end + 4 + Number(length);
}

/** Only a plain connection takes raw bytes. With TLS or a gateway, others answer for the server. */
export const speaksPlainHttp = (api: Api): boolean => api.baseUrl.startsWith("http://") && !api.behindGateway;

/** The suite's headers, such as a key, as lines of a raw request. */
export const headerLines = (api: Api): string =>
  Object.entries(api.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
