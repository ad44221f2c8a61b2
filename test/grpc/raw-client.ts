import { randomBytes } from "node:crypto";
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { Message, Settings, Status } from "../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import {
  MessagingServiceService,
  type PullMessageRequest,
  type PullMessageResponse,
  type ReceiveMessageRequest,
  type ReceiveMessageResponse,
  type TelemetryCommand,
} from "../../functions/grpc/generated/apache/rocketmq/v2/service.ts";

type Calls = typeof MessagingServiceService;
type Handled<K extends keyof Calls> = Calls[K] extends {
  requestDeserialize: (bytes: Buffer) => infer Request;
  responseDeserialize: (bytes: Buffer) => infer Response;
}
  ? { readonly request: Request; readonly response: Response }
  : never;
type UnaryName = Exclude<keyof Calls, "receiveMessage" | "pullMessage" | "telemetry">;

/** What a call of a test fails with if gRPC itself refuses it. */
export interface GrpcFailure {
  readonly code: number;
  readonly details: string;
}

export interface RawClientOptions {
  readonly clientId?: string;
  readonly language?: string;
  /** Metadata besides, or instead of, that of every client; `undefined` leaves one out. */
  readonly metadata?: (() => Readonly<Record<string, string | undefined>>) | undefined;
  readonly channel?: ChannelCredentials;
}

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** The parts of the answer to one receive, in the order in which they came. */
export interface Received {
  readonly parts: readonly ReceiveMessageResponse[];
  readonly code: number | undefined;
  readonly messages: readonly Message[];
  readonly deliveredAtMs: number | undefined;
}

const DEADLINE_MS = 30_000;

/** A client of the protocol that does nothing on its own: each call is written out by a test. */
export class RawClient {
  readonly clientId: string;
  readonly #grpc: Client;
  readonly #options: RawClientOptions;

  constructor(address: string, options: RawClientOptions = {}) {
    this.#options = options;
    this.clientId = options.clientId ?? `test@${process.pid}@${randomBytes(6).toString("hex")}`;
    this.#grpc = new Client(address, options.channel ?? credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.enable_retries": 0,
    });
  }

  call<K extends UnaryName>(
    name: K,
    request: Handled<K>["request"],
    { deadlineMs = DEADLINE_MS }: CallOptions = {},
  ): Promise<Handled<K>["response"]> {
    const definition = MessagingServiceService[name] as MethodDefinition<Handled<K>["request"], Handled<K>["response"]>;
    return new Promise((resolve, reject) => {
      this.#grpc.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        this.#metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, response) => (error ? reject(error) : resolve(response as Handled<K>["response"])),
      );
    });
  }

  /** Sends these bytes as the request of a call. */
  sendBytes(path: string, bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const raw = (value: Buffer) => value;
      const deadline = Date.now() + DEADLINE_MS;
      this.#grpc.makeUnaryRequest(path, raw, raw, bytes, this.#metadata(), { deadline }, (error, answer) =>
        error ? reject(error) : resolve(answer as Buffer),
      );
    });
  }

  receive(request: ReceiveMessageRequest, { deadlineMs = 30_000, signal }: CallOptions = {}): Promise<Received> {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService.receiveMessage;
    const deadline = Date.now() + deadlineMs;
    const call = this.#grpc.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, this.#metadata(), {
      deadline,
    });
    signal?.addEventListener("abort", () => call.cancel(), { once: true });
    const parts: ReceiveMessageResponse[] = [];
    return new Promise((resolve, reject) => {
      call.on("data", (part: ReceiveMessageResponse) => parts.push(part));
      call.on("error", reject);
      call.on("end", () => resolve(receivedOf(parts)));
    });
  }

  /** Its status, its messages' bodies, and the offset behind them. */
  pull(request: PullMessageRequest) {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService.pullMessage;
    const options = { deadline: Date.now() + DEADLINE_MS };
    const call = this.#grpc.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata(),
      options,
    );
    const pulled = { code: 0, bodies: [] as string[], nextOffset: undefined as number | undefined };
    return new Promise<typeof pulled>((resolve, reject) => {
      call.on("data", ({ content }: PullMessageResponse) => {
        if (content?.$case === "status") pulled.code = content.value.code;
        else if (content?.$case === "message") pulled.bodies.push(content.value.body.toString());
        else if (content) pulled.nextOffset = content.value;
      });
      call.on("error", reject);
      call.on("end", () => resolve(pulled));
    });
  }

  /** Reads one part of the answer and no more, and then breaks the call off. */
  takeFirstPart(request: ReceiveMessageRequest): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService.receiveMessage;
    const metadata = this.#metadata();
    const call = this.#grpc.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, {});
    return new Promise((resolve, reject) => {
      call.once("data", () => {
        call.pause();
        call.cancel();
      });
      call.once("error", ({ code }: ServiceError) => (code === status.CANCELLED ? resolve() : reject(new Error(String(code)))));
    });
  }

  telemetry(): RawTelemetry {
    const { path, requestSerialize, responseDeserialize } = MessagingServiceService.telemetry;
    return new RawTelemetry(this.#grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata(), {}));
  }

  /** Resolves once the server takes connections. */
  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#grpc.waitForReady(Date.now() + DEADLINE_MS, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#grpc.close();
  }

  #metadata(): Metadata {
    const { language = "JAVA", metadata } = this.#options;
    const all = {
      "x-mq-protocol": "v2",
      "x-mq-client-id": this.clientId,
      "x-mq-language": language,
      "x-mq-client-version": "5.2.0",
      "x-mq-date-time": dateTimeOf(Date.now()),
      ...metadata?.(),
    };
    const made = new Metadata();
    for (const [name, value] of Object.entries(all)) if (value !== undefined) made.set(name, value);
    return made;
  }
}

/** As `x-mq-date-time` has it. */
export const dateTimeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

function receivedOf(parts: readonly ReceiveMessageResponse[]): Received {
  const messages: Message[] = [];
  let answered: Status | undefined;
  let deliveredAtMs: number | undefined;
  for (const { content } of parts) {
    if (content?.$case === "status") answered = content.value;
    else if (content?.$case === "message") messages.push(content.value);
    else if (content) deliveredAtMs = content.value.seconds * 1_000 + content.value.nanos / 1_000_000;
  }
  return { parts, code: answered?.code, messages, deliveredAtMs };
}

/** A client's telemetry stream: what it says, and what it is told, in order. */
export class RawTelemetry {
  readonly #call: ClientDuplexStream<TelemetryCommand, TelemetryCommand>;
  readonly #told: TelemetryCommand[] = [];
  readonly #waiting: ((command: TelemetryCommand | undefined) => void)[] = [];
  #ended = false;

  constructor(call: ClientDuplexStream<TelemetryCommand, TelemetryCommand>) {
    this.#call = call;
    const end = () => {
      this.#ended = true;
      for (const wake of this.#waiting.splice(0)) wake(undefined);
    };
    call.on("data", (command: TelemetryCommand) => {
      const wake = this.#waiting.shift();
      if (wake) wake(command);
      else this.#told.push(command);
    });
    call.on("error", end);
    call.on("end", end);
  }

  /** Says what the client is, and answers what it is told in turn. */
  async settings(settings: Settings): Promise<TelemetryCommand> {
    this.#call.write({ command: { $case: "settings", value: settings } });
    return (await this.next()) ?? { command: undefined };
  }

  write(command: TelemetryCommand): void {
    this.#call.write(command);
  }

  /** The next command; `undefined` if the stream has ended. */
  next(): Promise<TelemetryCommand | undefined> {
    const told = this.#told.shift();
    if (told || this.#ended) return Promise.resolve(told);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** As a client that closes. */
  end(): void {
    this.#call.end();
  }

  /** As a client whose connection broke. */
  cancel(): void {
    this.#call.cancel();
  }
}
