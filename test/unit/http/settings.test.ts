import { describe, expect, it } from "vitest";
import { InvalidSetting, readSettings, SETTINGS } from "../../../functions/runtime/settings.ts";

describe("settings", () => {
  it("have defaults that are valid", () => {
    expect(readSettings({})).toEqual({
      port: 8080,
      host: "127.0.0.1",
      dataDirectory: "./data",
      logLevel: "info",
      shutdownGraceSeconds: 10,
      requestMemoryMib: 256,
    });
  });

  it("are read from the environment; an empty variable is none", () => {
    expect(readSettings({ PORT: "0", HOST: "::1", DATA_DIR: "", LOG_LEVEL: "debug" })).toMatchObject({
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
      ["LOG_LEVEL", "loud"],
      ["SHUTDOWN_GRACE_SECONDS", "1m"],
      ["REQUEST_MEMORY_MIB", "0"],
    ];
    for (const [name, value] of wrong) {
      let thrown: unknown;
      try {
        readSettings({ [name]: value });
      } catch (error) {
        thrown = error;
      }
      expect(InvalidSetting.is(thrown), name).toBe(true);
      expect(String((thrown as Error).message)).toMatch(new RegExp(`^${name} must .*${value}`));
      expect(String((thrown as Error).message)).not.toContain("\n");
    }
  });

  it("each describe themselves", () => {
    for (const row of Object.values(SETTINGS)) expect(row.description).toMatch(/\.$/);
  });
});
