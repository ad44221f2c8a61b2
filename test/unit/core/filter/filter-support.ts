import { BrokerError } from "../../../../core/errors.ts";
import { compileFilter } from "../../../../core/filter/compile-filter.ts";
import type { FilteredMessage } from "../../../../core/filter/filtered-message.ts";
import type { Filter } from "../../../../core/terms.ts";

export type Properties = Readonly<Record<string, string>>;

/** `TAGS` is the tag; `KEYS` stands for itself. */
export const messageWith = ({ TAGS, ...properties }: Properties): FilteredMessage => ({
  tag: TAGS,
  property: (name) => properties[name],
});

export const sqlMatches = (expression: string, properties: Properties): boolean =>
  compileFilter({ type: "SQL92", expression }).matches(messageWith(properties));

/** Where and why a filter is refused: `line:column detail`; undefined if it is not. Anything but a refusal is thrown on. */
export function refusalOf(filter: Filter): string | undefined {
  try {
    compileFilter(filter);
    return undefined;
  } catch (error) {
    if (!BrokerError.is(error) || error.code !== "ILLEGAL_FILTER_EXPRESSION") throw error;
    const { line, column } = error.members;
    return `${line}:${column} ${error.message.replace(`Line ${line}, column ${column}: `, "")}`;
  }
}
