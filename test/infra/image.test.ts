import { execFileSync, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { ValidationCode, validate } from "dockerfile-utils/lib/main.js";
import { expect, test } from "vitest";

const IMAGE = "apogee-test";

/** Why no image can be built here; `undefined` if one can. */
function withoutEngine(): string | undefined {
  const { error, status, stderr } = spawnSync("docker", ["info"], { encoding: "utf8", timeout: 10_000 });
  if (error) return `there is no docker here (${error.message})`;
  return status === 0 ? undefined : `docker reaches no engine (${stderr.trim().split("\n")[0]})`;
}

const instructions = async (): Promise<readonly string[]> =>
  (await readFile("Dockerfile", "utf8")).split("\n").filter((line) => /^[A-Z]+ /.test(line));

test("the Dockerfile is well-formed", async () => {
  expect(validate(await readFile("Dockerfile", "utf8"))).toEqual([]);
  expect(validate("FROM node\nRUNN npm ci").map(({ code }) => code)).toEqual([ValidationCode.UNKNOWN_INSTRUCTION]);
});

test("the image runs the server as a user without rights, and says whether it is well", async () => {
  const lines = await instructions();
  const last = (name: string) => lines.findLast((line) => line.startsWith(`${name} `));
  expect(last("USER")).toBe("USER node");
  expect(lines.findLastIndex((line) => line.startsWith("USER "))).toBeGreaterThan(
    lines.findLastIndex((line) => /^(RUN|COPY) /.test(line)),
  );
  expect(last("HEALTHCHECK")).toBeDefined();
  expect(last("CMD")).toBe('CMD ["apogee", "start"]');
  expect(last("FROM")).toMatch(/^FROM node:\d+-slim$/);
});

const reason = withoutEngine();

test("the image is built, and becomes healthy", { timeout: 600_000 }, (context) => {
  if (reason) context.skip(reason);
  const docker = (...args: string[]) => execFileSync("docker", args, { encoding: "utf8" }).trim();
  docker("build", "--quiet", "--tag", IMAGE, ".");
  const container = docker("run", "--detach", "--env", `API_KEY=${"k".repeat(32)}`, IMAGE);
  try {
    expect(docker("exec", container, "id", "--user", "--name")).toBe("node");
    const health = "until [ $(docker inspect -f '{{.State.Health.Status}}' $0) = healthy ]; do sleep 1; done";
    execFileSync("timeout", ["60", "sh", "-c", health, container]);
  } finally {
    docker("rm", "--force", container);
  }
});
