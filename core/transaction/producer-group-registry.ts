import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError, badField } from "../errors.ts";
import { countKey, PRODUCER_GROUPS_PK, producerGroupKey } from "../keys.ts";
import { SUGGESTION_CANDIDATES_MAX } from "../limits.ts";
import { listNames, namesNear } from "../list-names.ts";
import { suggestion } from "../names.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import type { ListPage, ListRequest, VersionMatch } from "../requests.ts";
import { MetadataCache } from "../store/metadata-cache.ts";
import { type Quota, transactCounted } from "../store/quotas.ts";
import { ofVersion } from "../store/uid-items.ts";
import { checkVersion } from "../store/version-match.ts";
import { decodeWebhookSecret } from "../webhooks/webhook-secret.ts";
import type { WebhookTargets } from "../webhooks/webhook-targets.ts";
import { checkWebhookUrl } from "../webhooks/webhook-url.ts";
import { producerGroupItem, producerGroupOf } from "./producer-group-codec.ts";
import { checkProducerGroupName } from "./producer-group-name.ts";
import type { ProducerGroup } from "./transaction.ts";
import { MAX_CHECKS_DEFAULT, PRODUCER_GROUPS_MAX } from "./transaction-limits.ts";
import type { ProducerGroupSettings, PutProducerGroup } from "./transactions.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly random: Random;
}

const PRODUCER_GROUP_QUOTA: Quota = {
  key: countKey("producer-groups"),
  max: PRODUCER_GROUPS_MAX,
  usedUp: `There are ${PRODUCER_GROUPS_MAX} producer groups with settings, the most there can be. Delete one first.`,
  pk: PRODUCER_GROUPS_PK,
  counts: () => true,
};

type Put = Omit<PutProducerGroup, "group"> & { readonly group: ProducerGroup };

const NEW_SECRET_BYTES = 32;

/** Settings of producer groups, and a short-lived cache for making checks. */
export class ProducerGroupRegistry {
  readonly #store: Dependencies;
  readonly #targets: WebhookTargets;
  readonly #cache: MetadataCache<ProducerGroup>;

  constructor(store: Dependencies, targets: WebhookTargets) {
    this.#store = store;
    this.#targets = targets;
    this.#cache = new MetadataCache(store.clock);
  }

  /** Up to two seconds old; `undefined` for a group without settings. */
  lookUp(name: string): Promise<ProducerGroup | undefined> {
    return this.#cache.get(name, () => this.#read(name));
  }

  /** The stored state. Errors: BAD_REQUEST, NOT_FOUND. */
  async get(name: string): Promise<ProducerGroup> {
    checkProducerGroupName(name);
    const group = await this.#read(name);
    if (group) return group;
    const near = await namesNear(this.#store.items, PRODUCER_GROUPS_PK, name, SUGGESTION_CANDIDATES_MAX);
    throw new BrokerError("NOT_FOUND", `Producer group '${name}' has no settings.${suggestion(name, near)}`);
  }

  list(request: ListRequest): Promise<ListPage<ProducerGroup>> {
    return listNames(this.#store.items, PRODUCER_GROUPS_PK, request, producerGroupOf);
  }

  /** Settings that are left out stay as they are. */
  async put(name: string, settings: ProducerGroupSettings, match?: VersionMatch): Promise<Put> {
    checkProducerGroupName(name);
    if (settings.url !== undefined) checkWebhookUrl("url", settings.url, this.#targets);
    const given = settings.secret === undefined ? undefined : decodeWebhookSecret("secret", settings.secret);
    for (;;) {
      const current = await this.#read(name);
      checkVersion(current, match);
      const url = settings.url ?? current?.url;
      if (given && url === undefined) throw secretWithoutUrl();
      const known = given ?? current?.secret;
      const newSecret = url !== undefined && !known ? this.#store.random.bytes(NEW_SECRET_BYTES) : undefined;
      const maxChecks = settings.maxChecks ?? current?.maxChecks ?? MAX_CHECKS_DEFAULT;
      if (current && !given && url === current.url && maxChecks === current.maxChecks)
        return { group: current, created: false, newSecret: undefined };
      const group = await this.#write(name, current, { url, secret: known ?? newSecret, maxChecks });
      if (group) return { group, created: !current, newSecret };
    }
  }

  /** Errors: BAD_REQUEST, NOT_FOUND, PRECONDITION_FAILED. */
  async remove(name: string, match?: VersionMatch): Promise<void> {
    for (;;) {
      const current = await this.get(name);
      checkVersion(current, match);
      const deletion = { kind: "delete", key: producerGroupKey(name), when: ofVersion(current) } as const;
      const result = await transactCounted(this.#store, [deletion], [PRODUCER_GROUP_QUOTA], -1);
      this.#cache.forget(name);
      if (result.ok) return;
    }
  }

  /** `undefined`: another request changed it meanwhile. */
  async #write(
    name: string,
    current: ProducerGroup | undefined,
    wanted: Pick<ProducerGroup, "url" | "secret" | "maxChecks">,
  ): Promise<ProducerGroup | undefined> {
    const nowMs = this.#store.clock.nowMs();
    const group: ProducerGroup = {
      name,
      uid: current?.uid ?? toBase64url(this.#store.random.bytes(6)),
      ...wanted,
      createdAtMs: current?.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
      version: (current?.version ?? 0) + 1,
    };
    const item = producerGroupItem(group);
    const result = current
      ? await this.#store.items.put(item, { when: ofVersion(current) })
      : await transactCounted(
          this.#store,
          [{ kind: "put", item, when: [{ op: "absent", name: "pk" }] }],
          [PRODUCER_GROUP_QUOTA],
          1,
        );
    this.#cache.forget(name);
    return result.ok ? group : undefined;
  }

  async #read(name: string): Promise<ProducerGroup | undefined> {
    const item = await this.#store.items.get(producerGroupKey(name));
    return item && producerGroupOf(item);
  }
}

function secretWithoutUrl(): BrokerError {
  const detail = "A secret signs what is posted to a url: give both.";
  return badField("secret", detail);
}
