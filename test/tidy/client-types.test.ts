import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { allRoutesDocument } from "../../functions/http/docs/all-routes-document.ts";
import { CLIENT_TYPES, madeOf, typedPart } from "../openapi/client-types.ts";

test("the client's types were made of the API as it is", async () => {
  const [firstLine] = readFileSync(CLIENT_TYPES, "utf8").split("\n", 1);
  expect(firstLine).toBe(madeOf(typedPart(await allRoutesDocument())));
});
