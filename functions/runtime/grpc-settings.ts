import { z } from "zod";
import { oneOf, optional, type SettingsOf, type SettingTable } from "./settings.ts";

const ACCESS_KEY = z.string().regex(/^[\w.@-]{1,255}$/, "must be 1 to 255 of A-Z a-z 0-9 _ . @ and -");
const FILE = /./;
const PORT = /^(?:[1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;
const ENDPOINT = new RegExp(`^(?:[A-Za-z0-9.-]{1,253}|\\[[0-9A-Fa-f:]{2,45}\\]):${PORT.source.slice(1)}`);
const flag = () => oneOf(["true", "false"]).transform((text) => text === "true");
const automatic = () => oneOf(["auto", "true", "false"]);
export const GRPC_PORT_DEFAULT = 8_081;

/** Settings of the server for RocketMQ's clients. */
export const GRPC_SETTINGS = {
  grpc: {
    env: "GRPC",
    schema: flag(),
    default: "false",
    unit: "",
    description: "`true` serves RocketMQ's own clients over gRPC, at `GRPC_PORT`.",
  },
  grpcPort: {
    env: "GRPC_PORT",
    schema: optional(PORT, "must be a port, 0 to 65535"),
    default: "",
    unit: "",
    description: `TCP port for RocketMQ's own clients, which turns them on; 0 takes a free one; ${GRPC_PORT_DEFAULT} where \`GRPC\` alone is set.`,
  },
  grpcEndpoint: {
    env: "GRPC_ENDPOINT",
    schema: optional(ENDPOINT, "must be host:port"),
    default: "",
    unit: "",
    description: "`host:port` that RocketMQ's clients are told to use; else the address that they came by.",
  },
  grpcAccessKey: {
    env: "GRPC_ACCESS_KEY",
    schema: ACCESS_KEY,
    default: "apogee",
    unit: "",
    description: "Access key of RocketMQ's clients where there is an `API_KEY`, which is their secret.",
  },
  grpcAnyTimeZone: {
    env: "GRPC_ANY_TIME_ZONE",
    schema: flag(),
    default: "false",
    unit: "",
    description:
      "`true` takes signatures whose date is a local time. The clients for Java, Python and Go sign that, and are refused outside UTC otherwise. A signature that was overheard is good for a day then.",
  },
  grpcTlsCert: {
    env: "GRPC_TLS_CERT",
    schema: optional(FILE, ""),
    default: "",
    unit: "",
    description:
      "PEM file with the certificate for RocketMQ's clients; else one is made when the first client encrypts, which clients must not verify.",
  },
  grpcTlsKey: {
    env: "GRPC_TLS_KEY",
    schema: optional(FILE, ""),
    default: "",
    unit: "",
    description: "PEM file with the key of that certificate.",
  },
  grpcMakeGroups: {
    env: "GRPC_MAKE_GROUPS",
    schema: automatic(),
    default: "auto",
    unit: "",
    description: "Whether RocketMQ's clients make consumer groups that do not exist; `auto`: on the embedded store.",
  },
  grpcMakeTopics: {
    env: "GRPC_MAKE_TOPICS",
    schema: flag(),
    default: "false",
    unit: "",
    description: "`true` lets RocketMQ's clients make topics that do not exist, of type MIXED.",
  },
  grpcSendOnce: {
    env: "GRPC_SEND_ONCE",
    schema: automatic(),
    default: "auto",
    unit: "",
    description:
      "`true` stores a message that a RocketMQ client sends again, with the same id, once, at the price of one more item each; `auto` knows such repeats while the process lives, on the embedded store; `false` stores all.",
  },
} as const satisfies SettingTable;

/** Where RocketMQ's clients are served; `undefined`: nowhere. */
export function grpcPortOf({ grpc, grpcPort }: SettingsOf<typeof GRPC_SETTINGS>): number | undefined {
  if (grpcPort !== undefined) return Number(grpcPort);
  return grpc ? GRPC_PORT_DEFAULT : undefined;
}
