import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openEmbeddedStores } from "../../functions/stores/embedded-stores.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

it("the folders of the embedded store are their owner's alone, also where an older version left them open", async () => {
  const directory = await storeDirectory();
  const folder = join(directory.path, "data");
  const parts = ["items", "objects", "objects.tmp"].map((name) => join(folder, name));
  await (await openEmbeddedStores(folder)).close?.();
  for (const path of [folder, ...parts]) expect(await modeOf(path), path).toBe(0o700);
  for (const path of parts) await chmod(path, 0o755);
  await (await openEmbeddedStores(folder)).close?.();
  for (const path of parts) expect(await modeOf(path), path).toBe(0o700);
  await directory.remove();
});

it("a folder that was there stays as its owner made it", async () => {
  const directory = await storeDirectory();
  const folder = join(directory.path, "shared");
  await mkdir(folder, { mode: 0o755 });
  await chmod(folder, 0o755);
  await (await openEmbeddedStores(folder)).close?.();
  expect(await modeOf(folder)).toBe(0o755);
  expect(await modeOf(join(folder, "items"))).toBe(0o700);
  await directory.remove();
});
