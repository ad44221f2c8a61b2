import { type LogEnd, readLog } from "./log-file.ts";
import { VarintReader } from "./varints.ts";

/** Of the edits that a MANIFEST is a log of. */
const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** What a MANIFEST says the database consists of. */
export interface Manifest {
  readonly end: LogEnd;
  /** Write-ahead logs from this number on hold what no table does; 0 where there was never one. */
  readonly logNumber: number;
  /** Number and size of every table. */
  readonly tables: ReadonlyMap<number, number>;
}

/** Errors: `RangeError` for an edit that cannot be read. */
export function readManifest(file: Buffer): Manifest {
  const tables = new Map<number, number>();
  let logNumber = 0;
  const end = readLog(file, (edit) => {
    const reader = new VarintReader(edit);
    // An edit that moves a table names it twice, deleted first.
    while (!reader.atEnd) {
      switch (reader.number()) {
        case TAG.comparator:
          reader.text();
          break;
        case TAG.logNumber:
          logNumber = reader.number();
          break;
        case TAG.nextFile:
        case TAG.lastSequence:
        case TAG.previousLog:
          reader.number();
          break;
        case TAG.compactPointer:
          reader.number();
          reader.text();
          break;
        case TAG.deletedFile:
          reader.number();
          tables.delete(reader.number());
          break;
        case TAG.newFile: {
          reader.number();
          const number = reader.number();
          tables.set(number, reader.number());
          reader.text();
          reader.text();
          break;
        }
        default:
          throw new RangeError("an unknown edit");
      }
    }
  });
  return { end, logNumber, tables };
}
