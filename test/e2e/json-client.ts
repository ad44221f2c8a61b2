import { httpClient } from "../support/http/http-client.ts";
import { type DeployedApi, httpServerOf } from "./deployed-api.ts";

/** Requests with JSON to the deployed API, one at a time. */
export interface JsonClient {
  /** Errors: an answer that is no success. */
  // biome-ignore lint/suspicious/noExplicitAny: what is read of an answer is what the contract promises.
  call(method: "PUT" | "POST", path: string, value: object): Promise<any>;
}

/** The client is closed when `work` ends. */
export async function withJsonClient<T>(api: DeployedApi, work: (client: JsonClient) => Promise<T>): Promise<T> {
  const client = httpClient(httpServerOf(api), { connections: 1, timeoutMs: 60_000 });
  const call: JsonClient["call"] = async (method, path, value) => {
    const { status, body } = await client.request(method, path, JSON.stringify(value));
    if (status >= 300) throw new Error(`${method} ${path} answers ${status} ${body.toString().slice(0, 300)}`);
    return JSON.parse(body.toString());
  };
  try {
    return await work({ call });
  } finally {
    await client.close();
  }
}
