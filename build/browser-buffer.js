import { Buffer } from "buffer/";

/** The renderer's modules take it as given, as it is on Node.js. */
globalThis.Buffer = Buffer;
