import { describe, expect, it } from "vitest";
import { API_SETTINGS, KEY_HASHES_SETTING } from "../../../functions/runtime/function-settings.ts";
import { awsPlaceOf, readServerSettings, SERVER_SETTINGS } from "../../../functions/runtime/server-settings.ts";
import { InvalidSetting, readSetting, readTable } from "../../../functions/runtime/settings.ts";

/** The one line with which `read` refuses. */
function refusalOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (InvalidSetting.is(error)) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("settings of the server", () => {
  it("have defaults that are valid", () => {
    expect(readServerSettings({})).toEqual({
      port: 8080,
      host: "127.0.0.1",
      apiKeys: [],
      allowedHosts: [],
      corsOrigins: [],
      store: "embedded",
      dataDirectory: "./data",
      acceptDataLoss: false,
      table: undefined,
      bucket: undefined,
      region: undefined,
      endpoint: undefined,
      logLevel: "info",
      logFormat: "auto",
      shutdownGraceSeconds: 10,
      requestMemoryMib: 256,
      answerMemoryMib: 64,
      timerShards: 4,
      webhookAllowPrivate: [],
      webhookAllowHttp: false,
      grpc: false,
      grpcPort: undefined,
      grpcEndpoint: undefined,
      grpcAccessKey: "apogee",
      grpcAnyTimeZone: false,
      grpcTlsCert: undefined,
      grpcTlsKey: undefined,
      grpcMakeGroups: "auto",
      grpcMakeTopics: false,
      grpcSendOnce: "auto",
    });
  });

  it("are read from the environment; an empty variable is none", () => {
    expect(readServerSettings({ PORT: "0", HOST: "::1", DATA_DIR: "", LOG_LEVEL: "debug" })).toMatchObject({
      port: 0,
      host: "::1",
      dataDirectory: "./data",
      logLevel: "debug",
    });
  });

  it("are refused in one line that names the variable", () => {
    const wrong: [string, string][] = [
      ["PORT", "http"],
      ["PORT", "65536"],
      ["PORT", "-1"],
      ["PORT", "80.5"],
      ["STORE", "s3"],
      ["AWS_ENDPOINT_URL", "localhost:4566"],
      ["LOG_LEVEL", "loud"],
      ["LOG_FORMAT", "xml"],
      ["SHUTDOWN_GRACE_SECONDS", "1m"],
      ["REQUEST_MEMORY_MIB", "0"],
    ];
    for (const [name, value] of wrong) {
      const refusal = refusalOf(() => readServerSettings({ [name]: value }));
      expect(refusal).toMatch(new RegExp(`^${name} must .*${value}`));
      expect(refusal).not.toContain("\n");
    }
  });

  it("want a key of 32 characters, and do not repeat a wrong one", () => {
    const key = "0123456789abcdef0123456789abcde";
    expect(readServerSettings({ API_KEY: `${key}f` }).apiKeys).toEqual([`${key}f`]);
    const wrong: [string, string][] = [
      [key, "32 characters or more, and one has 31"],
      ["a,b", "32 characters or more, and one has 1"],
      [`${key}f,`, "32 characters or more, and one has 0"],
      [`${key} f`, "without blanks"],
      [`${key}ü`, "printable ASCII"],
      ["x".repeat(513), "512 characters at most, and one has 513"],
      [[key, key, key].map((one) => `${one}f`).join(","), "there are 3"],
    ];
    for (const [keys, flaw] of wrong) {
      const refusal = refusalOf(() => readServerSettings({ API_KEY: keys }));
      expect(refusal).toMatch(/^API_KEY must be one key, or two .*Make one with: openssl rand -hex 32\.$/);
      expect(refusal).toContain(flaw);
      expect(refusal).not.toContain(keys);
    }
  });

  it("open a server beyond this machine only where that is said", () => {
    const key = "k".repeat(32);
    for (const host of ["0.0.0.0", "::", "192.168.1.7", "broker.internal"]) {
      expect(refusalOf(() => readServerSettings({ HOST: host }))).toMatch(/no API_KEY.*ALLOWED_HOSTS/);
      expect(readServerSettings({ HOST: host, API_KEY: key }).host).toBe(host);
      expect(readServerSettings({ HOST: host, ALLOWED_HOSTS: "broker.internal, 10.0.0.7" })).toMatchObject({
        allowedHosts: ["broker.internal", "10.0.0.7"],
      });
    }
    for (const host of ["127.0.0.1", "127.0.0.53", "localhost", "::1"]) readServerSettings({ HOST: host });
  });

  it("let every web page in only where a key is wanted", () => {
    expect(refusalOf(() => readServerSettings({ CORS_ORIGINS: "*" }))).toMatch(/every web page/);
    expect(readServerSettings({ CORS_ORIGINS: "*", API_KEY: "k".repeat(32) }).corsOrigins).toEqual(["*"]);
    const origins = ["https://console.example", "http://localhost:5173", "http://[::1]:3000"];
    expect(readServerSettings({ CORS_ORIGINS: origins.join(", ") }).corsOrigins).toEqual(origins);
    for (const wrong of ["console.example", "https://console.example/", "https://a,,https://b", "null", "https://*.example"])
      expect(refusalOf(() => readServerSettings({ CORS_ORIGINS: wrong }))).toMatch(/^CORS_ORIGINS must be origins/);
  });

  it("take two keys while one replaces the other", () => {
    const [next, old] = ["n".repeat(32), "o".repeat(64)];
    expect(readServerSettings({ API_KEY: `${next},${old}` }).apiKeys).toEqual([next, old]);
    expect(readServerSettings({ API_KEY: `${next}, ${old}` }).apiKeys).toEqual([next, old]);
  });

  it("name the table, the bucket and the region where the store is on AWS", () => {
    const place = { TABLE: "t", BUCKET: "b", AWS_REGION: "eu-central-1" };
    expect(awsPlaceOf(readServerSettings(place))).toEqual({ table: "t", bucket: "b", region: "eu-central-1" });
    const endpoint = "http://127.0.0.1:4566";
    expect(awsPlaceOf(readServerSettings({ ...place, AWS_ENDPOINT_URL: endpoint }))).toMatchObject({ endpoint });
    for (const name of Object.keys(place)) {
      const without = readServerSettings({ ...place, [name]: "" });
      expect(refusalOf(() => awsPlaceOf(without))).toBe(`${name} must be set where STORE is aws.`);
    }
  });
});

describe("settings of the API function", () => {
  const hash = "ab".repeat(32);
  const environment = { TABLE: "t", BUCKET: "b", AWS_REGION: "eu-central-1", API_KEY_SHA256: hash };

  it("are read from the environment", () => {
    expect(readTable(API_SETTINGS, environment)).toEqual({
      keyHashes: [Buffer.from(hash, "hex")],
      corsOrigins: [],
      table: "t",
      bucket: "b",
      region: "eu-central-1",
      endpoint: undefined,
      logLevel: "info",
      longPollSecondsMax: 20,
      scannerFunction: undefined,
      timerShards: 4,
      webhookAllowPrivate: [],
      webhookAllowHttp: false,
    });
    for (const name of ["apogee-scanner", "arn:aws:lambda:eu-central-1:123456789012:function:scanner:live"])
      expect(readTable(API_SETTINGS, { ...environment, SCANNER_FUNCTION: name }).scannerFunction).toBe(name);
    expect(refusalOf(() => readTable(API_SETTINGS, { ...environment, SCANNER_FUNCTION: "https://scanner" }))).toMatch(
      /^SCANNER_FUNCTION must be the name or the ARN/,
    );
  });

  it("have no default for what the stack must say", () => {
    for (const name of Object.keys(environment)) {
      const refusal = refusalOf(() => readTable(API_SETTINGS, { ...environment, [name]: undefined }));
      expect(refusal).toMatch(new RegExp(`^${name} must .*, but is not set\\.$`));
    }
  });

  it("take one hash or two, and do not repeat a wrong one", () => {
    expect(readSetting(KEY_HASHES_SETTING, { API_KEY_SHA256: `${hash},${"CD".repeat(32)}` })).toHaveLength(2);
    for (const wrong of ["secret", hash.slice(1), `${hash},`, `${hash},${hash},${hash}`, `${hash} ${hash}`]) {
      const refusal = refusalOf(() => readSetting(KEY_HASHES_SETTING, { API_KEY_SHA256: wrong }));
      expect(refusal).toMatch(/^API_KEY_SHA256 must be one or two SHA-256 hashes/);
      expect(refusal).not.toContain(wrong);
    }
  });
});

it("each setting describes itself", () => {
  for (const row of Object.values({ ...SERVER_SETTINGS, ...API_SETTINGS })) expect(row.description).toMatch(/\.$/);
});
