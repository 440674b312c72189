/** Arguments: URL of Redis, concurrency. */
import { Worker } from "bullmq";
import { args, ready } from "./peer.mjs";

const [url, concurrency] = args;
const worker = new Worker("echo", (job) => Promise.resolve(job.data), {
  connection: { url, maxRetriesPerRequest: null },
  concurrency: Number(concurrency),
});
worker.on("error", () => undefined);
await worker.waitUntilReady();
ready();
