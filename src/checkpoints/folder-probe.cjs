/**
 * Asks a folder one small thing, in a thread of its own: whether the threads that work on files are all held up or at
 * work does not matter to it. Any answer will do, also a refusal.
 *
 * The name is another one each time, so that a mount asks its server, and knows no answer by heart.
 */
const { randomBytes } = require("node:crypto");
const { closeSync, openSync } = require("node:fs");
const { join } = require("node:path");
const { parentPort, workerData } = require("node:worker_threads");

try {
  closeSync(openSync(join(workerData, `.probe-${randomBytes(8).toString("hex")}`), "r"));
} catch {
  // There is no such file: somebody has said so.
}
parentPort?.postMessage("answered");
