import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { afterEach } from "vitest";

const A = 1;
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;
const HEAD_BYTES = 12;

export interface NameServer {
  /** As a resolver takes it. */
  readonly address: string;
  /** Names that were asked for, once for each question. */
  readonly asked: string[];
}

const stops: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())));

/**
 * A name server on loopback that knows one IPv4 address each of some names. It says nothing about those that end in `.dead.test`, nor
 * about the IPv6 addresses of those that end in `.half.test`, and that there is no other.
 */
export async function startNameServer(names: Readonly<Record<string, string>> = {}): Promise<NameServer> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query: Buffer, { port, address }: RemoteInfo) => {
    const { name, type, question } = questionOf(query);
    asked.push(name);
    if (name.endsWith(".dead.test") || (name.endsWith(".half.test") && type !== A)) return;
    socket.send(answerTo(query, question, type, names[name]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  stops.push(() => {
    socket.close();
    return once(socket, "close");
  });
  return { address: `127.0.0.1:${socket.address().port}`, asked };
}

function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly question: Buffer } {
  const labels: string[] = [];
  let at = HEAD_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), question: query.subarray(HEAD_BYTES, at + 5) };
}

/** Source: RFC 1035, section 4. */
function answerTo(query: Buffer, question: Buffer, type: number, address: string | undefined): Buffer {
  const found = address !== undefined && type === A;
  const head = Buffer.from([
    0,
    0,
    0x81,
    0x80 | (address === undefined ? NO_SUCH_NAME : NO_ERROR),
    0,
    1,
    0,
    found ? 1 : 0,
    0,
    0,
    0,
    0,
  ]);
  query.copy(head, 0, 0, 2);
  const record = found
    ? Buffer.from([0xc0, HEAD_BYTES, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)])
    : Buffer.alloc(0);
  return Buffer.concat([head, question, record]);
}
