import { toBase64 } from "./body.ts";

/** 128 random bits as 22 characters. Not `randomUUID`, which pages without TLS do not have. */
export const randomId = (): string =>
  toBase64(crypto.getRandomValues(new Uint8Array(16))).replace(/[+/=]/g, (char) =>
    char === "+" ? "-" : char === "/" ? "_" : "",
  );
