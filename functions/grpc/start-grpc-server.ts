import { systemClock } from "../runtime/clock.ts";
import { grpcPortOf } from "../runtime/grpc-settings.ts";
import type { ServerSettings } from "../runtime/server-settings.ts";
import { InvalidSetting } from "../runtime/settings.ts";
import { StartFailure } from "../runtime/start-failure.ts";
import { type Certificate, readCertificate } from "./certificate.ts";
import { type GrpcServer, type GrpcServerOptions, serveGrpc } from "./grpc-server.ts";

/** What a server for RocketMQ's clients shares with HTTP's. */
export type GrpcSurroundings = Pick<GrpcServerOptions, "broker" | "log" | "memory" | "answerMemory" | "onFailure">;

/** Serves RocketMQ's clients as the settings say. Errors: `InvalidSetting`, `StartFailure`, those of listening. */
export async function startGrpcServer(settings: ServerSettings, parts: GrpcSurroundings): Promise<GrpcServer> {
  const { apiKeys, grpcAccessKey, grpcAnyTimeZone, host, store } = settings;
  // On a disk, groups that clients make cost next to nothing.
  const automatic = (choice: "auto" | "true" | "false"): boolean =>
    choice === "auto" ? store === "embedded" : choice === "true";
  const port = grpcPortOf(settings) ?? 0;
  const options: GrpcServerOptions = {
    ...parts,
    clock: systemClock,
    host,
    port,
    certificate: await certificateOf(settings),
    credentials: apiKeys.length === 0 ? undefined : { accessKey: grpcAccessKey, secrets: apiKeys, anyTimeZone: grpcAnyTimeZone },
    endpoint: endpointOf(settings),
    makeGroups: automatic(settings.grpcMakeGroups),
    makeTopics: settings.grpcMakeTopics,
    sendOnce: sendOnceOf(settings),
    shortPolls: store === "embedded",
  };
  try {
    return await serveGrpc(options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new StartFailure(`${host}:${port} is in use by another process. Set GRPC_PORT to a free port, as in --grpc-port 9081.`);
  }
}

function sendOnceOf({ grpcSendOnce, store }: ServerSettings): GrpcServerOptions["sendOnce"] {
  if (grpcSendOnce !== "auto") return grpcSendOnce === "true" ? "stored" : "never";
  return store === "embedded" ? "remembered" : "never";
}

async function certificateOf({ grpcTlsCert, grpcTlsKey }: ServerSettings): Promise<Certificate | undefined> {
  if (grpcTlsCert === undefined && grpcTlsKey === undefined) return undefined;
  if (grpcTlsCert === undefined || grpcTlsKey === undefined)
    throw new InvalidSetting("GRPC_TLS_CERT and GRPC_TLS_KEY go together: set both, or neither.");
  return readCertificate(grpcTlsCert, grpcTlsKey);
}

function endpointOf({ grpcEndpoint }: ServerSettings): { readonly host: string; readonly port: number } | undefined {
  if (grpcEndpoint === undefined) return undefined;
  const colon = grpcEndpoint.lastIndexOf(":");
  return { host: grpcEndpoint.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(grpcEndpoint.slice(colon + 1)) };
}
