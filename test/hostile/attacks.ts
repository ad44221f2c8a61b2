import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const MIB = 1_024 * 1_024;

/** Something that a stranger may do to a server; `prepared` is its topic, with 4 MiB messages in queue 0. */
export type Attack = (url: string, prepared: string) => Promise<void>;

const open = (url: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) }, () => resolve(socket));
    socket.on("error", reject);
  });

/** Writes to `count` connections, takes nothing of what comes back for `ms`, and goes away. */
async function unread(url: string, count: number, request: string, ms: number): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(url)));
  for (const socket of sockets) {
    socket.removeAllListeners("error").on("error", () => socket.destroy());
    socket.pause();
    if (request !== "") socket.write(request);
  }
  await sleep(ms);
  for (const socket of sockets) socket.destroy();
}

const GET = (path: string, headers = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

async function json(url: string, method: string, path: string, body: string): Promise<void> {
  const response = await fetch(url + path, { method, body, headers: { "Content-Type": "application/json" } });
  const text = await response.text();
  if (response.status !== 400 && response.status !== 413) throw new Error(`${path} is ${response.status}: ${text.slice(0, 300)}`);
}

const many = (count: number, one: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => one(index)).join();

/** Bodies within 6 MiB that hold more than they seem to. */
export const BODIES: Readonly<Record<string, Attack>> = {
  "620,000 clients without queues": (url) =>
    json(
      url,
      "PUT",
      "/v1/groups/g",
      `{"assignment":{"strategy":"CONFIG","queues":{${many(620_000, (n) => `"${n.toString(36)}":[]`)}}}}`,
    ),
  "as many whose ids are wrong": (url) =>
    json(
      url,
      "PUT",
      "/v1/groups/g",
      `{"assignment":{"strategy":"CONFIG","queues":{${many(560_000, (n) => `"-${n.toString(36)}":[]`)}}}}`,
    ),
  "400,000 properties": (url, topic) =>
    json(
      url,
      "POST",
      `/v1/topics/${topic}/messages`,
      `{"body":"x","properties":{${many(400_000, (n) => `"${n.toString(36)}":"v"`)}}}`,
    ),
  "400,000 unknown fields": (url, topic) =>
    json(url, "POST", `/v1/topics/${topic}/messages`, `{${many(400_000, (n) => `"${n.toString(36)}":1`)}}`),
  "1.3 million empty arrays": (url, topic) =>
    json(url, "POST", `/v1/topics/${topic}/messages`, `{"bodyEncoding":"json","body":[${many(1_300_000, () => "[]")}]}`),
  "a number of a million digits": (url, topic) =>
    json(url, "POST", `/v1/topics/${topic}/messages`, `{"bodyEncoding":"json","body":${"9".repeat(5 * MIB)}}`),
  "a batch of 100 times 4,000 unknown fields": (url, topic) =>
    json(
      url,
      "POST",
      `/v1/topics/${topic}/messages/batch`,
      `{"entries":[${many(100, () => `{${many(4_000, (n) => `"${n.toString(36)}":1`)}}`)}]}`,
    ),
  "1.5 million entries": (url, topic) =>
    json(url, "POST", `/v1/topics/${topic}/messages/batch`, `{"entries":[${many(1_500_000, () => "{}")}]}`),
  "a million handles": (url) => json(url, "POST", "/v1/groups/g/ack", `{"receiptHandles":[${many(1_000_000, () => '"a"')}]}`),
  "3 MiB of escapes": (url, topic) =>
    json(url, "POST", `/v1/topics/${topic}/messages`, `{"body":"x","${"\\u0041".repeat(MIB / 2)}":1}`),
  "5 MiB that end in the middle": (url, topic) =>
    json(url, "POST", `/v1/topics/${topic}/messages`, `{"body":"${"\n".repeat(5 * MIB)}`),
  "a name of 5 MiB": (url, topic) => json(url, "POST", `/v1/topics/${topic}/messages`, `{"${"tag".repeat((5 * MIB) / 3)}":1}`),
};

/** Work that one request asks for. */
export const SEARCHES: Readonly<Record<string, Attack>> = {
  "a search in 6 MB of properties, ten times": async (url, topic) => {
    const expression = Array.from({ length: 7 }, (_, n) => `p CONTAINS '${"a".repeat(250)}${n}'`).join(" OR ");
    const query = `offset=0&filterType=SQL92&expression=${encodeURIComponent(expression)}`;
    const pull = () => fetch(`${url}/v1/topics/${topic}-properties/queues/0/messages?${query}`);
    for (const { status } of await Promise.all(Array.from({ length: 10 }, pull)))
      if (status !== 200) throw new Error(`a pull is ${status}`);
  },
};

/** What a client leaves unread or unfinished. */
export const CONNECTIONS: Readonly<Record<string, Attack>> = {
  "2,000 requests for /docs sent ahead, unread": (url) => unread(url, 1, GET("/docs").repeat(2_000), 4_000),
  "300 pulls of 4 MiB sent ahead, unread": (url, topic) =>
    unread(url, 1, GET(`/v1/topics/${topic}/queues/0/messages?offset=0`).repeat(300), 4_000),
  "300 connections that leave a pull of 4 MiB unread": (url, topic) =>
    unread(url, 300, GET(`/v1/topics/${topic}/queues/0/messages?offset=0`), 4_000),
  "300 event streams, unread": (url, topic) =>
    unread(url, 300, GET(`/v1/topics/${topic}/queues/0/messages?offset=0`, "Accept: text/event-stream\r\n"), 4_000),
  "300 waiting pulls of 4 MiB, unread": (url, topic) =>
    unread(url, 300, GET(`/v1/topics/${topic}/queues/0/messages?offset=0&waitSeconds=20`), 4_000),
  "400 idle connections": (url) => unread(url, 400, "", 4_000),
  "500 connections with half a request": (url) => unread(url, 500, "POST /v1/topics/x/publish HTTP/1.1\r\nHost: local", 2_000),
  "200 uploads that stop half-way": (url) =>
    unread(
      url,
      200,
      `POST /v1/topics/x/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000000\r\n\r\n${"x".repeat(60_000)}`,
      2_000,
    ),
};
