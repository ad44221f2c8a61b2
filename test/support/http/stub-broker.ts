import pino from "pino";
import type { Broker } from "../../../core/broker.ts";
import { AnswerMemory } from "../../../functions/http/bounds/answer-memory.ts";
import { RequestMemory } from "../../../functions/http/bounds/request-memory.ts";
import { type ServedBroker, type ServeOptions, serveBroker } from "../../../functions/http/node/serve-broker.ts";
import { createSystemRandom } from "../../../functions/runtime/random.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";

/** A broker with the verbs that a test gives. Any other call fails. */
export const stubBroker = (verbs: Partial<Broker>): Broker =>
  new Proxy(verbs as Broker, {
    get(target, verb) {
      const given = Reflect.get(target, verb);
      if (given === undefined) throw new Error(`the test gives no ${String(verb)}`);
      return given;
    },
  });

/** The HTTP API above such a broker, on a free port. */
export function serveStub(verbs: Partial<Broker>, options: Partial<ServeOptions> = {}): Promise<ServedBroker> {
  const random = createSystemRandom();
  const broker = Object.assign(stubBroker(verbs), {
    signingKey: random.bytes(32),
    stop() {},
    keepGoing: () => Promise.resolve(),
    dropExpired: () => Promise.resolve(),
    keepRolling: () => Promise.resolve(),
  });
  const log = pino({ level: "silent" });
  const here = { host: "127.0.0.1", port: 0, memory: new RequestMemory(1 << 24), answerMemory: new AnswerMemory(1 << 26) };
  return serveBroker({ broker, log, random, signer: hmacSigner, ...here, ...options });
}
