import { connectAws } from "../../adapters/aws/connect-aws.ts";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import type { BrokerStores } from "./broker-stores.ts";

/** Where a table and a bucket are. */
export interface AwsPlace {
  readonly region: string;
  readonly table: string;
  readonly bucket: string;
  /** Endpoint of a stand-in for AWS; absent for AWS itself. */
  readonly endpoint?: string | undefined;
}

// The SDK would warn every process on Node 20 that its versions of 2027 will not run there. The version used here is pinned.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

/** Expiry and lifecycle rules of AWS remove what is old, so there is nothing to sweep. */
export function openAwsStores({ region, table, bucket, endpoint }: AwsPlace): BrokerStores {
  const stores = connectAws({ region, table, bucket, ...(endpoint ? { endpoint } : {}) });
  return {
    items: stores.items,
    objects: stores.objects,
    settings: SHARED_STORE,
    async close() {
      stores.close();
    },
  };
}
