/** What most would build: Express, a BullMQ queue, and `waitUntilFinished`. Arguments: URL of Redis. */
import { Queue, QueueEvents } from "bullmq";
import { args, express } from "./peer.mjs";

const connection = { url: args[0], maxRetriesPerRequest: null };
const queue = new Queue("echo", { connection });
const events = new QueueEvents("echo", { connection });
queue.setMaxListeners(10_000);
events.setMaxListeners(10_000);
await events.waitUntilReady();

await express(async (body) => {
  // Not `removeOnComplete: true`: `waitUntilFinished` then misses jobs that ended before it looked.
  const job = await queue.add("echo", body, { removeOnComplete: 1_000 });
  return job.waitUntilFinished(events, 10_000);
});
