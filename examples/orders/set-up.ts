// Makes what the other programs use. It may run again at any time: a PUT changes nothing that is as it says.
import { Apogee } from "@apogee/client";

const apogee = new Apogee({ endpoint: process.env.APOGEE_ENDPOINT ?? "http://localhost:8080" });

// Orders of one card are charged in the order in which they came.
await apogee.topic("orders").put({ type: "FIFO", queues: 4 });
await apogee.group("billing").put({ leaseSeconds: 30, maxAttempts: 5, backoff: [1, 10, 60] });
await apogee.group("billing").subscribe("orders", { startFrom: "earliest", filter: { type: "TAG", expression: "created" } });
