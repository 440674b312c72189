/** A BullMQ worker that answers with its input: what `online-path` is held against. Arguments: URL, concurrency. */
import { Worker } from "bullmq";

const [url = "", concurrency = "16"] = process.argv.slice(2);
const worker = new Worker("echo", (job) => Promise.resolve(job.data as unknown), {
  connection: { url, maxRetriesPerRequest: null },
  concurrency: Number(concurrency),
});
worker.on("error", () => undefined);
await worker.waitUntilReady();
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
