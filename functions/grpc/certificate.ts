import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { InvalidSetting } from "../runtime/settings.ts";

/** In PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The certificate in these files. Errors: `InvalidSetting`. */
export async function readCertificate(certFile: string, keyFile: string): Promise<Certificate> {
  const [cert, key] = await Promise.all([readNamed("GRPC_TLS_CERT", certFile), readNamed("GRPC_TLS_KEY", keyFile)]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new InvalidSetting(`GRPC_TLS_CERT and GRPC_TLS_KEY are no certificate and its key: ${(error as Error).message}.`);
  }
  return { cert, key };
}

async function readNamed(setting: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new InvalidSetting(`${setting} cannot be read: ${(error as Error).message}.`);
  }
}
