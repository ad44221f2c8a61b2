#!/usr/bin/env node
// apogee [options]: the server. apogee backup <folder> [options]: copies the server's folder.
// Looks at Node.js before either is read: an old one would stop at what it cannot import, and say so in its own words.
import { requireNode } from "./node-version.mjs";

requireNode();
if (process.argv[2] === "backup") {
  process.argv.splice(2, 1);
  void import("./backup.mjs");
} else void import("./local.mjs");
