import { existsSync, writeFileSync } from "node:fs";
import { WRITERS, write } from "./golden.ts";

/** Writes the golden stores that are not there yet: `npx tsx test/unit/formats/write-golden.ts`. One that is there never changes. */
for (const format of Object.keys(WRITERS).map(Number)) {
  const file = new URL(`./golden/format-${format}.json`, import.meta.url);
  if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(await write(format), null, 1)}\n`);
}
