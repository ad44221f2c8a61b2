/** us-east-1 list prices in dollars, on demand, without free tiers, used on all pages. Source: the price pages of DynamoDB and S3. */
const PRICE_BOOK = {
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  objectPut: 0.005 / 1_000,
  objectGet: 0.0004 / 1_000,
} as const;

/** The store consumption of an operation. */
export interface Use {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly objectPuts: number;
  readonly objectGets: number;
}

export const dollarsOf = (use: Use): number =>
  use.writeUnits * PRICE_BOOK.writeUnit +
  use.readUnits * PRICE_BOOK.readUnit +
  use.objectPuts * PRICE_BOOK.objectPut +
  use.objectGets * PRICE_BOOK.objectGet;
