import { createBroker, type RunningBroker } from "../../core/create-broker.ts";
import { serveGrpc } from "../../functions/grpc/grpc-server.ts";
import type { GrpcOptions } from "../../functions/grpc/serving.ts";
import { AnswerMemory } from "../../functions/http/bounds/answer-memory.ts";
import { RequestMemory } from "../../functions/http/bounds/request-memory.ts";
import { serveBroker } from "../../functions/http/node/serve-broker.ts";
import { systemClock } from "../../functions/runtime/clock.ts";
import { deflateCompressor } from "../../functions/runtime/compressor.ts";
import { createLog } from "../../functions/runtime/log.ts";
import { createSystemRandom } from "../../functions/runtime/random.ts";
import { hmacSigner } from "../../functions/runtime/signer.ts";
import type { BrokerStores } from "../../functions/stores/broker-stores.ts";
import { memoryStores } from "../support/aws/function-fixture.ts";

const MIB = 1_024 * 1_024;

export interface GrpcTestServer {
  /** Of RocketMQ's clients. */
  readonly address: string;
  /** Of HTTP, where topics and groups are made. */
  readonly url: string;
  readonly broker: RunningBroker;
  /** What failed in the background. */
  readonly failures: readonly unknown[];
  /** Default: two seconds. */
  stop(graceMs?: number): Promise<void>;
}

/** A broker over these stores in this process, served to RocketMQ's clients and over HTTP, with a process that fires timers. */
export async function startGrpcTestServer(
  stores: BrokerStores = memoryStores(),
  options: Partial<GrpcOptions> & { readonly memoryBytes?: number } = {},
): Promise<GrpcTestServer> {
  const random = createSystemRandom();
  const { log } = createLog("error");
  const reading = new AnswerMemory(64 * MIB);
  const memory = new RequestMemory(options.memoryBytes ?? 256 * MIB);
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => {
    failures.push(error);
    log.error({ err: error }, "work in the background failed");
  };
  const { items, objects, settings } = stores;
  const runtime = { clock: systemClock, signer: hmacSigner, compressor: deflateCompressor };
  const broker = await createBroker({ items, objects, settings, ...runtime, random, reading, onFailure });
  const host = "127.0.0.1";
  const http = await serveBroker({ broker, log, random, signer: hmacSigner, host, port: 0, memory, answerMemory: reading });
  const grpc = await serveGrpc({
    credentials: undefined,
    endpoint: undefined,
    makeGroups: true,
    makeTopics: false,
    sendOnce: "remembered",
    shortPolls: true,
    ...options,
    broker,
    clock: systemClock,
    log,
    memory,
    answerMemory: reading,
    host,
    port: 0,
    certificate: undefined,
    onFailure,
  });
  const stopping = new AbortController();
  const timekeeping = broker.keepGoing(stopping.signal);
  return {
    address: `${host}:${grpc.port}`,
    url: http.url,
    broker,
    failures,
    async stop(graceMs = 2_000) {
      stopping.abort();
      await Promise.all([grpc.stop(graceMs), http.stop(graceMs), timekeeping]);
      await stores.close();
    },
  };
}
