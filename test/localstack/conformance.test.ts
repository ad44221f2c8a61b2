import { Agent, setGlobalDispatcher } from "undici";
import { runConformanceTests } from "../conformance/run-conformance.ts";

const { SERVER_URL = "", SERVER_KEY, SERVER_GATEWAY } = process.env;

const gateway = SERVER_GATEWAY === "true";

// Whatever name a deployment gave its URL, it is on this machine.
if (gateway)
  setGlobalDispatcher(
    new Agent({ connect: { lookup: (_host, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]) } }),
  );

runConformanceTests({
  baseUrl: () => SERVER_URL,
  headers: () => (SERVER_KEY ? { Authorization: `Bearer ${SERVER_KEY}` } : {}),
  gateway,
});
