import { join } from "node:path";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";

export const ACCESS_KEY = "apogee";
export const SECRET_KEY = "a-key-that-the-clients-sign-with";

/** A built server for RocketMQ's clients, which wants a key. */
export interface ClientsServer extends ServerProcess {
  /** Where clients find it. */
  readonly endpoints: string;
  /** Starts it again on its folder and its ports. */
  restart(): Promise<ClientsServer>;
}

export async function runServer(folder: string, name: string): Promise<ClientsServer> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const start = async (): Promise<ClientsServer> => {
    const environment = { LOG_LEVEL: "warn", API_KEY: SECRET_KEY, GRPC_PORT: String(grpcPort), GRPC_ANY_TIME_ZONE: "true" };
    const options = { port, dataDir: join(folder, `${name}-data`), logFile: join(folder, `${name}.log`), environment };
    return { ...(await startServer(options)), endpoints: `127.0.0.1:${grpcPort}`, restart: start };
  };
  return start();
}

/** Errors: the answer, where it is none of success. */
export async function put({ url }: ServerProcess, path: string, body: unknown): Promise<void> {
  const headers = { authorization: `Bearer ${SECRET_KEY}`, "content-type": "application/json" };
  const response = await fetch(`${url}/v1/${path}`, { method: "PUT", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`PUT ${path} was answered ${response.status}: ${await response.text()}`);
}
