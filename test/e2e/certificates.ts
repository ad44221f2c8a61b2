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

/** An authority of this run's own in `folder`, and its certificate for 127.0.0.1 and for whatever function URL is handed out. */
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
  await writeFile(at("server.ext"), `subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:*.lambda-url.${region}.on.aws\n`);
  const signing = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", DAYS, "-extfile", at("server.ext")];
  await openssl("x509", "-req", "-in", at("server.csr"), ...signing, "-out", at("server.crt"));
  return { ca: at("ca.crt"), certificate: at("server.crt"), key: at("server.key") };
}
