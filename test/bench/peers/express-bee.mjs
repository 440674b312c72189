/** Express and bee-queue, which is made for short jobs whose caller waits. Arguments: URL of Redis. */
import { randomUUID } from "node:crypto";
import Queue from "bee-queue";
import { args, express } from "./peer.mjs";

const queue = new Queue("echo", { redis: args[0], isWorker: false, removeOnSuccess: true, storeJobs: false });
/** @type {Map<string, (result: unknown) => void>} */
const waiting = new Map();
// Not the job's own event: it is lost when the job ends before the answer to `save` was read.
queue.on("job succeeded", (id, result) => {
  waiting.get(id)?.(result);
  waiting.delete(id);
});
await queue.ready();

await express((body) => {
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    waiting.set(id, resolve);
    queue.createJob(body).setId(id).save().catch(reject);
  });
});
