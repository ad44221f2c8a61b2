/**
 * us-east-1 list prices in dollars, on demand, without free tiers: what all pages count with. Source: the price pages of DynamoDB, S3,
 * Lambda, CloudWatch and of data transfer.
 */
export const PRICE_BOOK = {
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  objectPut: 0.005 / 1_000,
  objectGet: 0.0004 / 1_000,
  functionRequest: 0.2 / 1e6,
  /** ARM64. */
  functionGbSecond: 0.0000133334,
  /** Standard table class, and continuous backups beside it: point-in-time recovery. */
  tableGbMonth: 0.25,
  tableBackupGbMonth: 0.2,
  objectGbMonth: 0.023,
  logGb: 0.5,
  logGbMonth: 0.03,
  /** To the internet, the first 10 TB of a month. */
  dataOutGb: 0.09,
} as const;

const SCANNER_GB = 1;
const RUNG_SECONDS = 1;

/** A ring: one request, and a run of the deployed scanner that finds little and stays a second. */
export const DOLLARS_PER_RING = PRICE_BOOK.functionRequest + RUNG_SECONDS * SCANNER_GB * PRICE_BOOK.functionGbSecond;

/** What an operation consumed of the stores. */
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
