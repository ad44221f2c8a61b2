// node watcher.mjs URL: asks /healthz again and again until its input ends, and then writes how long the slowest answer took, in
// milliseconds, and how many there were. A process of its own: whoever attacks is busy.
import { Agent, get } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

const [url] = process.argv.slice(2);
const PAUSE_MS = 20;
const kept = new Agent({ keepAlive: true });
const fresh = new Agent({ keepAlive: false });

const ask = (agent) =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const request = get(`${url}/healthz`, { agent }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200) resolve(performance.now() - startedAt);
        else reject(new Error(`/healthz is ${response.statusCode}`));
      });
    });
    request.on("error", reject);
  });

let over = false;
process.stdin.on("end", () => {
  over = true;
});
process.stdin.resume();
let slowestMs = 0;
let count = 0;
// Every other one on a connection of its own.
for (; !over; count++) {
  const tookMs = await ask(count % 2 === 0 ? kept : fresh);
  // The first one waits for this process itself.
  if (count > 1) slowestMs = Math.max(slowestMs, tookMs);
  if (count === 1) process.stdout.write("ready\n");
  await sleep(PAUSE_MS);
}
process.stdout.write(`${JSON.stringify({ slowestMs, count })}\n`);
process.exit(0);
