import { ByteReader } from "../../../core/bytes/byte-reader.ts";
import { type LogEnd, readLog } from "./log-file.ts";

/** Tags of the fields of edits. A MANIFEST is a log of edits. */
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

/** The files of a database according to its MANIFEST. */
export interface Manifest {
  readonly end: LogEnd;
  /** Write-ahead logs from this number on hold writes that no table has; 0 if there was never a log. */
  readonly logNumber: number;
  /** Number and size of every table. */
  readonly tables: ReadonlyMap<number, number>;
}

/** Errors: `RangeError` for an edit that cannot be read. */
export function readManifest(file: Buffer): Manifest {
  const tables = new Map<number, number>();
  let logNumber = 0;
  const end = readLog(file, (edit) => {
    const reader = new ByteReader(edit);
    // An edit that moves a table names it twice, deleted first.
    while (reader.remaining > 0) {
      switch (reader.varint()) {
        case TAG.comparator:
          reader.skip(reader.varint());
          break;
        case TAG.logNumber:
          logNumber = reader.varint();
          break;
        case TAG.nextFile:
        case TAG.lastSequence:
        case TAG.previousLog:
          reader.varint();
          break;
        case TAG.compactPointer:
          reader.varint();
          reader.skip(reader.varint());
          break;
        case TAG.deletedFile:
          reader.varint();
          tables.delete(reader.varint());
          break;
        case TAG.newFile: {
          reader.varint();
          const number = reader.varint();
          tables.set(number, reader.varint());
          reader.skip(reader.varint());
          reader.skip(reader.varint());
          break;
        }
        default:
          throw new RangeError("an unknown edit");
      }
    }
  });
  return { end, logNumber, tables };
}
