#!/usr/bin/env node
// Looks at Node.js before the server is read: an old one would stop at what it cannot import, and say so in its own words.
import { requireNode } from "./node-version.mjs";

requireNode();
void import("./local.mjs");
