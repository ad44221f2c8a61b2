import { describe, expect, it } from "vitest";
import { type Program, readCommandLine } from "../../../functions/runtime/command-line.ts";
import { readServerSettings, SERVER_SETTINGS } from "../../../functions/runtime/server-settings.ts";

const read = (args: readonly string[], environment: Record<string, string> = {}) =>
  readCommandLine(SERVER_SETTINGS, args, environment, () => "1.2.3");

function settingsOf(args: readonly string[], environment: Record<string, string> = {}) {
  const command = read(args, environment);
  if ("say" in command) throw new Error("it only says something");
  return readServerSettings(command.environment);
}

describe("a command line", () => {
  it("has every setting as an option, which goes before the environment", () => {
    const args = ["--port", "9999", "--data-dir=/srv/apogee", "--accept-data-loss", "--webhook-allow-http=false"];
    expect(settingsOf(args, { PORT: "1", HOST: "::1", WEBHOOK_ALLOW_HTTP: "true" })).toMatchObject({
      port: 9999,
      host: "::1",
      dataDirectory: "/srv/apogee",
      acceptDataLoss: true,
      webhookAllowHttp: false,
    });
    expect(settingsOf([])).toEqual(readServerSettings({}));
  });

  it.each([
    [["--prot", "1"], "There is no option --prot. Did you mean '--port'? --help lists them."],
    [["--data_dir=x"], "There is no option --data_dir. Did you mean '--data-dir'? --help lists them."],
    [["-p", "1"], "There is no option -p."],
    [[`--${"x".repeat(1_000)}`], "There is no option --xxx"],
    [["--port"], "--port needs a value: --port <value>."],
    [["--port="], "--port needs a value: --port <value>."],
    [["--data-dir", "--port", "1"], "--data-dir needs a value: --data-dir <value>."],
    [["--port", "1", "--port=2"], "--port is given twice."],
    [["9999"], 'There is no argument "9999". Settings are options, as in --port 9999; with npm they come behind two hyphens'],
    [["--", "x"], 'There is no argument "x".'],
    [["--api-key", "s3cret"], "--api-key is none: others on this machine could read it. Set API_KEY in the environment."],
  ])("is refused where it is %j", (args, refusal) => {
    expect(() => read(args)).toThrow(refusal);
    expect(() => read(args)).toThrow(expect.objectContaining({ name: "InvalidSetting" }));
    expect(() => read(args)).not.toThrow("s3cret");
  });

  it("is refused where npm took its options", () => {
    expect(() => read([], { npm_config_port: "9999" })).toThrow("npm took --port for an option of its own.");
    expect(() => read([], { npm_config_data_dir: "x" })).toThrow("npm start -- --port 9999");
    expect(() => read([], { npm_config_loglevel: "error", npm_config_cache: "/x" })).not.toThrow();
  });

  it("asks for help, which lists every option, or for the version", () => {
    for (const args of [["--help"], ["-h"], ["--port", "1", "--help", "--version"]]) {
      const { say } = read(args) as { say: string };
      for (const { env, description } of Object.values(SERVER_SETTINGS)) {
        expect(say).toContain(
          env === "API_KEY" ? "API_KEY (in the environment only)" : `--${env.toLowerCase().replaceAll("_", "-")}`,
        );
        expect(say).toContain(description);
      }
    }
    for (const flag of ["--version", "-v"]) expect(read([flag])).toEqual({ say: "1.2.3" });
  });

  it("has one argument where the program takes one", () => {
    const program: Program = { usage: "copy <folder>", hint: "As in copy x.", takesArgument: true };
    const copy = (...args: string[]) => readCommandLine(SERVER_SETTINGS, args, {}, () => "", program);
    expect(copy("x", "--port", "1")).toMatchObject({ argument: "x", environment: { PORT: "1" } });
    expect(copy()).toMatchObject({ argument: undefined });
    expect(() => copy("x", "y")).toThrow('There is no argument "y". As in copy x.');
    expect(copy("--help")).toMatchObject({ say: expect.stringContaining("Usage: copy <folder>") });
  });
});
