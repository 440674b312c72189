/** Arguments: URL of Redis, concurrency. */
import Queue from "bee-queue";
import { args, ready } from "./peer.mjs";

const [url, concurrency] = args;
const queue = new Queue("echo", { redis: url, getEvents: false, removeOnSuccess: true });
await queue.ready();
queue.process(Number(concurrency), (job) => Promise.resolve(job.data));
ready();
