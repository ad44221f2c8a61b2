import type { QueryCommandInput } from "@aws-sdk/client-dynamodb";
import type { Query } from "../../core/ports/item-store.ts";
import { compareUtf8 } from "../items/attributes.ts";
import { checkLimit, checkPk } from "../items/limits.ts";
import { Expressions } from "./expressions.ts";

/** DynamoDB takes 32 bits. A page ends at 1 MB long before. */
const LIMIT_MAX = 2 ** 31 - 1;

/** `undefined` if the bounds leave nothing between them: DynamoDB refuses such a query. Errors: `StoreMisuse`. */
export function queryInput(table: string, query: Query): QueryCommandInput | undefined {
  const { pk, from = "", to, reverse = false, limit, consistent = true } = query;
  checkPk(pk);
  checkLimit(limit);
  if (to === "" || (to !== undefined && compareUtf8(from, to) > 0)) return undefined;
  const expressions = new Expressions();
  const key = [`${expressions.name("pk")} = ${expressions.value("pk", pk)}`];
  // Every sort key is above the empty one, with which DynamoDB does not compare.
  const lower = from === "" ? undefined : expressions.value("sk", from);
  const upper = to === undefined ? undefined : expressions.value("sk", to);
  if (lower !== undefined && upper !== undefined) key.push(`${expressions.name("sk")} BETWEEN ${lower} AND ${upper}`);
  else if (lower !== undefined) key.push(`${expressions.name("sk")} >= ${lower}`);
  else if (upper !== undefined) key.push(`${expressions.name("sk")} <= ${upper}`);
  return {
    TableName: table,
    KeyConditionExpression: key.join(" AND "),
    ...expressions.placeholders(),
    ScanIndexForward: !reverse,
    Limit: Math.min(limit, LIMIT_MAX),
    ConsistentRead: consistent,
  };
}
