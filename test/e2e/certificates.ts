import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const DAYS = "2";

export interface Certificates {
  /** PEM files. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Loopback addresses that deployed functions may post to: of a producer's endpoint, and of one that never answers. */
export const ENDPOINT_ADDRESSES = { live: "127.77.0.1", dead: "127.77.0.2", range: "127.77.0.0/16" } as const;

/**
 * An authority of this run's own in `folder`, and its certificate for 127.0.0.1, for endpoints of producers, and for whatever function
 * URL is handed out.
 */
export async function makeCertificates(folder: string, region: string): Promise<Certificates> {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]) => run("openssl", args);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-days",
    DAYS,
    "-subj",
    "/CN=Apogee e2e authority",
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.crt"),
  );
  await openssl("req", ...newKey, "-subj", "/CN=MiniStack", "-keyout", at("server.key"), "-out", at("server.csr"));
  const addresses = ["127.0.0.1", ENDPOINT_ADDRESSES.live].map((address) => `IP:${address}`);
  const names = ["DNS:localhost", ...addresses, `DNS:*.lambda-url.${region}.on.aws`];
  await writeFile(at("server.ext"), `subjectAltName=${names.join(",")}\n`);
  const signing = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", DAYS, "-extfile", at("server.ext")];
  await openssl("x509", "-req", "-in", at("server.csr"), ...signing, "-out", at("server.crt"));
  return { ca: at("ca.crt"), certificate: at("server.crt"), key: at("server.key") };
}
