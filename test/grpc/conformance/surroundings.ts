import { expect } from "vitest";
import type { Message } from "../../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { Api, uniqueName } from "../../support/http/http-api.ts";
import { createTopic } from "../../support/http/http-fixtures.ts";
import { RawClient, type RawClientOptions } from "../raw-client.ts";
import { ack, receiveCount, send } from "../requests.ts";

/** What the suite knows of a server: its addresses, and how it differs from others. */
export interface GrpcTarget {
  address(): string;
  /** Of HTTP, where tests make topics and groups. */
  url(): string;
  /** What signs a call. */
  readonly metadata?: () => Readonly<Record<string, string>>;
  /** Clients make groups that do not exist. */
  readonly makesGroups: boolean;
  /** How late something may be that is due. */
  readonly lateMsMax: number;
  /** Several processes may share the store, so leases that ended are given to others only this much later. */
  readonly skewMs: number;
}

/** A server, and what tests set up there. */
export class Surroundings {
  readonly target: GrpcTarget;
  readonly api: Api;
  readonly #clients: RawClient[] = [];

  constructor(target: GrpcTarget) {
    this.target = target;
    this.api = new Api({ baseUrl: () => target.url() });
  }

  client(options: RawClientOptions = {}): RawClient {
    const { metadata } = options;
    const signed = () => ({ ...this.target.metadata?.(), ...metadata?.() });
    const client = new RawClient(this.target.address(), { ...options, metadata: signed });
    this.#clients.push(client);
    return client;
  }

  topic(settings: object = {}): Promise<string> {
    return createTopic(this.api, settings);
  }

  /** A group without subscriptions: receives make them. */
  async group(settings: object = {}): Promise<string> {
    const group = uniqueName("group");
    const answer = await this.api.put(`/v1/groups/${group}`, settings);
    expect(answer.status, answer.text).toBe(201);
    return group;
  }

  /** A client with a topic, a group, and a message of it that the group holds. */
  async held(settings: { readonly topic?: object; readonly group?: object; readonly invisibleMs?: number } = {}) {
    const client = this.client();
    const [topic, group] = await Promise.all([this.topic(settings.topic), this.group(settings.group)]);
    const messageGroup = (settings.topic as { type?: string })?.type === "FIFO" ? { messageGroup: "one" } : {};
    await send(client, topic, { body: "held", ...messageGroup });
    const { invisibleMs = 30_000 } = settings;
    const [message] = (await receiveCount(client, group, topic, 1, { invisibleMs })) as [Message];
    return { client, topic, group, message };
  }

  /** Acks and expects that it works. */
  async ack(client: RawClient, group: string, topic: string, messages: readonly Message[]): Promise<void> {
    expect((await ack(client, group, topic, messages)).status?.code).toBe(20_000);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
