import { fetch } from "undici";
import type { Cdk } from "./cdk.ts";
import { type DeployedApi, dispatcherOf } from "./deployed-api.ts";

/** A page that only a later release lets call the API. */
const ORIGIN = "https://console.example.org";

/** Whether what serves lets that page in. Errors: when nothing serves. */
async function letsPageIn(api: DeployedApi): Promise<boolean> {
  const headers = { authorization: `Bearer ${api.apiKey}`, origin: ORIGIN };
  const response = await fetch(new URL("/v1/topics", api.url), { headers, dispatcher: dispatcherOf(api) });
  if (response.status === 403) return false;
  if (response.status !== 200) throw new Error(`GET /v1/topics answers ${response.status} ${await response.text()}`);
  return response.headers.get("access-control-allow-origin") === ORIGIN;
}

/** Deploys another release, goes back, and forward again. Errors: when another release answers than the one that should. */
export async function checkWayBack(api: DeployedApi, cdk: Cdk): Promise<string> {
  const expectPage = async (expected: boolean, what: string): Promise<void> => {
    if ((await letsPageIn(api)) !== expected) throw new Error(`${what} another release answers`);
  };
  await expectPage(false, "before the deployment");
  await cdk.deploy(`corsOrigins=${ORIGIN}`);
  await expectPage(true, "after the deployment");
  const said = await cdk.rollBack();
  await expectPage(false, "after going back");
  await cdk.rollBack("--forward");
  await expectPage(true, "after going forward");
  return said.split("\n")[0] ?? "";
}

/** Removes the service, and deploys it again. Errors: when the API does not answer meanwhile, or where it answers has changed. */
export async function checkAddressStays(api: DeployedApi, cdk: Cdk): Promise<undefined> {
  await cdk.destroyService();
  await letsPageIn(api);
  const { url } = await cdk.deploy();
  if (url !== api.url) throw new Error(`the address was ${api.url} and is ${url}`);
  await letsPageIn(api);
}
