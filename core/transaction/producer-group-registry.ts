import { BrokerError, badField } from "../errors.ts";
import { countKey, PRODUCER_GROUPS_PK } from "../keys.ts";
import type { ListPage, ListRequest, VersionMatch } from "../requests.ts";
import { NamedItems, type NamedKind } from "../store/named-items.ts";
import type { Quota } from "../store/quotas.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { firstVersion } from "../store/uid-items.ts";
import { decodeWebhookSecret } from "../webhooks/webhook-secret.ts";
import type { WebhookTargets } from "../webhooks/webhook-targets.ts";
import { checkWebhookUrl } from "../webhooks/webhook-url.ts";
import { producerGroupItem, producerGroupOf } from "./producer-group-codec.ts";
import { checkProducerGroupName } from "./producer-group-name.ts";
import type { ProducerGroup } from "./transaction.ts";
import { MAX_CHECKS_DEFAULT, PRODUCER_GROUPS_MAX } from "./transaction-limits.ts";
import type { ProducerGroupSettings, PutProducerGroup } from "./transactions.ts";

const PRODUCER_GROUP_QUOTA: Quota = {
  key: countKey("producer-groups"),
  max: PRODUCER_GROUPS_MAX,
  usedUp: `There are ${PRODUCER_GROUPS_MAX} producer groups with settings, the most there can be. Delete one first.`,
  pk: PRODUCER_GROUPS_PK,
  counts: () => true,
};

const PRODUCER_GROUPS: NamedKind<ProducerGroup> = {
  pk: PRODUCER_GROUPS_PK,
  encode: producerGroupItem,
  decode: producerGroupOf,
  checkName: checkProducerGroupName,
  notFound: (name, suggestion) => new BrokerError("NOT_FOUND", `Producer group '${name}' has no settings.${suggestion}`),
  quotas: () => [PRODUCER_GROUP_QUOTA],
};

type Put = Omit<PutProducerGroup, "group"> & { readonly group: ProducerGroup };

const NEW_SECRET_BYTES = 32;

/** Settings of producer groups, and a short-lived cache for making checks. */
export class ProducerGroupRegistry {
  readonly #store: StoreDependencies;
  readonly #targets: WebhookTargets;
  readonly #groups: NamedItems<ProducerGroup>;

  constructor(store: StoreDependencies, targets: WebhookTargets) {
    this.#store = store;
    this.#targets = targets;
    this.#groups = new NamedItems(store, PRODUCER_GROUPS);
  }

  /** Up to two seconds old; `undefined` for a group without settings. */
  lookUp(name: string): Promise<ProducerGroup | undefined> {
    return this.#groups.lookUp(name);
  }

  /** The stored state. Errors: BAD_REQUEST, NOT_FOUND. */
  get(name: string): Promise<ProducerGroup> {
    return this.#groups.get(name);
  }

  list(request: ListRequest): Promise<ListPage<ProducerGroup>> {
    return this.#groups.list(request);
  }

  /** Settings that are left out stay as they are. */
  async put(name: string, settings: ProducerGroupSettings, match?: VersionMatch): Promise<Put> {
    checkProducerGroupName(name);
    if (settings.url !== undefined) checkWebhookUrl("url", settings.url, this.#targets);
    const given = settings.secret === undefined ? undefined : decodeWebhookSecret("secret", settings.secret);
    let newSecret: Uint8Array | undefined;
    const { value, created } = await this.#groups.put(name, match, async (current) => {
      const url = settings.url ?? current?.url;
      if (given && url === undefined) throw badField("secret", "A secret signs what is posted to a url: give both.");
      const known = given ?? current?.secret;
      newSecret = url !== undefined && !known ? this.#store.random.bytes(NEW_SECRET_BYTES) : undefined;
      const wanted = {
        url,
        secret: known ?? newSecret,
        maxChecks: settings.maxChecks ?? current?.maxChecks ?? MAX_CHECKS_DEFAULT,
      };
      if (!current) return this.#groups.create({ name, ...firstVersion(this.#store), ...wanted });
      const same = !given && url === current.url && wanted.maxChecks === current.maxChecks;
      return same ? current : this.#groups.replace(current, { ...current, ...wanted });
    });
    return { group: value, created, newSecret };
  }

  /** Errors: BAD_REQUEST, NOT_FOUND, PRECONDITION_FAILED. */
  async remove(name: string, match?: VersionMatch): Promise<void> {
    await this.#groups.change(name, match, async (current) => ((await this.#groups.remove(current)) ? current : undefined));
  }
}
