import type { ListPage, ListRequest, VersionMatch } from "../requests.ts";
import type { MessageInput } from "../terms.ts";
import type {
  HalfMessageReceipt,
  Resolution,
  ShownProducerGroup,
  Transaction,
  TransactionCheck,
  TransactionState,
} from "./transaction.ts";

/** The verbs of a broker for transactions. */
export interface Transactions {
  /** Stores a message that is delivered only if its transaction commits. */
  sendHalfMessage(topic: string, message: MessageInput, options: HalfMessageOptions): Promise<HalfMessageReceipt>;
  /** Errors: TRANSACTION_ENDED if it had the other outcome. A repeat gets the same answer. */
  endTransaction(
    id: string,
    resolution: Resolution,
    options?: {
      /** Decides a discarded transaction too. */
      readonly discarded?: boolean | undefined;
    },
  ): Promise<Transaction>;
  getTransaction(id: string): Promise<Transaction>;
  /** In the order they began. */
  listTransactions(request: ListTransactionsRequest): Promise<ListPage<Transaction>>;
  /** Questions to the producers of a group. */
  receiveChecks(producerGroup: string, request: ReceiveChecksRequest, signal?: AbortSignal): Promise<readonly TransactionCheck[]>;
  listProducerGroups(request: ListRequest): Promise<ListPage<ShownProducerGroup>>;
  getProducerGroup(name: string): Promise<ShownProducerGroup>;
  putProducerGroup(name: string, settings: ProducerGroupSettings, ifMatch?: VersionMatch): Promise<PutProducerGroup>;
  deleteProducerGroup(name: string, ifMatch?: VersionMatch): Promise<void>;
}

export interface HalfMessageOptions {
  /** The group whose producers are asked for the outcome if none has said it. */
  readonly producerGroup: string;
  /** After how long they are first asked. */
  readonly checkAfterMs: number;
}

export interface ListTransactionsRequest {
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  readonly state?: TransactionState | undefined;
  readonly producerGroup?: string | undefined;
}

export interface ReceiveChecksRequest {
  readonly max: number;
  /** The most bytes of bodies. The first check is taken whatever its size. */
  readonly maxBytes: number;
  readonly waitMs: number;
}

export interface ProducerGroupSettings {
  /** Where checks are posted. */
  readonly url?: string | undefined;
  /** The secret that signs them: `whsec_…`. Default: a random one. */
  readonly secret?: string | undefined;
  readonly maxChecks?: number | undefined;
}

export interface PutProducerGroup {
  readonly group: ShownProducerGroup;
  readonly created: boolean;
  /** The secret that this call made. It is not shown again. */
  readonly newSecret: Uint8Array | undefined;
}
