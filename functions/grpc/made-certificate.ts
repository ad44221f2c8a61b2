import { generate } from "selfsigned";
import type { Certificate } from "./certificate.ts";

const DAY_MS = 86_400_000;
const LIFE_DAYS = 3_650;

/** A certificate of this process, for clients that encrypt and do not verify, as those for Java and Go do by default. */
export async function makeCertificate(nowMs: number): Promise<Certificate> {
  const made = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(nowMs - DAY_MS),
    notAfterDate: new Date(nowMs + LIFE_DAYS * DAY_MS),
    extensions: [
      { name: "basicConstraints", cA: false },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  return { cert: Buffer.from(made.cert), key: Buffer.from(made.private) };
}
