import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const found = async (): Promise<string | undefined> => {
  for (const path of [process.env.CHROMIUM ?? "", ...PLACES]) {
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return undefined;
};

/** A Chromium of this machine; installs Debian's where this process may. Returns its path, or why there is none. */
export async function findChromium(): Promise<{ path: string } | { missing: string }> {
  const path = await found();
  if (path !== undefined) return { path };
  if (process.getuid?.() !== 0)
    return { missing: "no Chromium, and this user may not install one; CHROMIUM names one elsewhere" };
  console.log("installing Chromium");
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["update", "-qq"], { env });
    await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], { env });
  } catch (error) {
    return { missing: `no Chromium, and it cannot be installed: ${(error as Error).message.split("\n")[0]}` };
  }
  const installed = await found();
  return installed === undefined
    ? { missing: "no Chromium that can be found, though its package was installed" }
    : { path: installed };
}
