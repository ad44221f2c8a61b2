import { writeTable } from "./cost-page.ts";
import { ledgerTable } from "./ledger-table.ts";
import { measureLedger } from "./measure.ts";

/** `npm run ledger`: measures the cost of every operation on AWS, prints it, and writes it into docs/cost.md. */
const table = ledgerTable(await measureLedger());
process.stdout.write(`${table}\n`);
writeTable(table);
