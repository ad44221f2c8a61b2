#!/usr/bin/env node
// apogee start [options]: the server. apogee backup <folder> [options]: copies the server's folder. Other verbs: cli/.
// Looks at Node.js before any of them is read: an old one would stop at what it cannot import, and say so in its own words.
import { requireNode } from "./node-version.mjs";

requireNode();
const [verb] = process.argv.slice(2);
if (verb === "start" || verb === "backup") process.argv.splice(2, 1);
if (verb === "start") void import("./local.mjs");
else if (verb === "backup") void import("./backup.mjs");
else void import("./cli.mjs");
