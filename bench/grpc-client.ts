import { randomBytes } from "node:crypto";
import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
} from "@grpc/grpc-js";
import type { ClientType, Resource } from "../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import {
  MessagingServiceService,
  type ReceiveMessageRequest,
  type ReceiveMessageResponse,
  type TelemetryCommand,
} from "../functions/grpc/generated/apache/rocketmq/v2/service.ts";

const Service = makeGenericClientConstructor(MessagingServiceService, "MessagingService");

type UnaryName = {
  [K in keyof typeof MessagingServiceService]: (typeof MessagingServiceService)[K] extends {
    requestStream: false;
    responseStream: false;
  }
    ? K
    : never;
}[keyof typeof MessagingServiceService];
type RequestOf<K extends UnaryName> = Parameters<(typeof MessagingServiceService)[K]["requestSerialize"]>[0];
type ResponseOf<K extends UnaryName> = ReturnType<(typeof MessagingServiceService)[K]["responseDeserialize"]>;

export const resource = (name: string): Resource => ({ resourceNamespace: "", name });

/** One client of RocketMQ's protocol, on a connection of its own: no more than its calls. */
export class GrpcClient {
  readonly clientId = `bench@${process.pid}@${randomBytes(6).toString("hex")}`;
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(address: string) {
    this.#client = new Service(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    const headers = {
      "x-mq-client-id": this.clientId,
      "x-mq-language": "JAVA",
      "x-mq-protocol": "v2",
      "x-mq-client-version": "5.2.0",
    };
    for (const [name, value] of Object.entries(headers)) this.#metadata.set(name, value);
  }

  call<K extends UnaryName>(name: K, request: RequestOf<K>): Promise<ResponseOf<K>> {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService[name];
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<RequestOf<K>, ResponseOf<K>>(
        path,
        requestSerialize as (value: RequestOf<K>) => Buffer,
        responseDeserialize as (value: Buffer) => ResponseOf<K>,
        request,
        this.#metadata,
        (error, response) => (error || !response ? reject(error) : resolve(response)),
      );
    });
  }

  async receive(request: ReceiveMessageRequest): Promise<readonly ReceiveMessageResponse[]> {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService.receiveMessage;
    const options: CallOptions = { deadline: Date.now() + 30_000 };
    const stream: ClientReadableStream<ReceiveMessageResponse> = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata,
      options,
    );
    const parts: ReceiveMessageResponse[] = [];
    for await (const part of stream) parts.push(part as ReceiveMessageResponse);
    return parts;
  }

  /** Opens the stream that a consumer keeps open, and waits for the answer to its settings. */
  telemetry(clientType: ClientType, group: string, topic: string): Promise<TelemetryCommand> {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService.telemetry;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata);
    const subscription = {
      group: resource(group),
      subscriptions: [{ topic: resource(topic), expression: { type: 1 as const, expression: "*" } }],
    };
    const settings = {
      clientType,
      pubSub: { $case: "subscription" as const, value: subscription },
      userAgent: undefined,
      metric: undefined,
      clientProperties: new Map<string, string>(),
    };
    stream.write({ command: { $case: "settings", value: settings } });
    return new Promise((resolve, reject) => {
      stream.once("data", resolve);
      stream.once("error", reject);
    });
  }

  close(): void {
    this.#client.close();
  }
}
