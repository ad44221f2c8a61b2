import fc from "fast-check";
import { expect, it } from "vitest";
import { compileFilter } from "../../../../core/filter/compile-filter.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { evaluate, type Properties, print, propertySets, trees } from "./sql-reference.ts";

const message = (properties: Properties) => ({ tag: properties.TAGS, property: (name: string) => properties[name] });

it("agrees with a naive evaluation of the tree it was printed from", () => {
  fc.assert(
    fc.property(trees, fc.array(propertySets, { minLength: 1, maxLength: 8 }), fc.nat(), (tree, sets, seed) => {
      const expression = print(tree, new SeededRandom(seed));
      fc.pre(Buffer.byteLength(expression) <= 2_048);
      const filter = compileFilter({ type: "SQL92", expression });
      for (const properties of sets) {
        expect(filter.matches(message(properties)), `${expression} on ${JSON.stringify(properties)}`).toBe(
          evaluate(tree, properties) === "TRUE",
        );
      }
    }),
    { numRuns: 1_500 },
  );
});
