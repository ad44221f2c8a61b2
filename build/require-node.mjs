import { requireNode } from "../functions/node-version.mjs";

requireNode();
