/**
 * Hashes one large file in a thread of its own (`hashing-copy.ts`): neither the event loop nor another file waits for it.
 * Started with the path; says `{ bytes, sha256 }` and ends. Plain JavaScript: a thread is started from sources too.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const hash = createHash("sha256");
const buffer = Buffer.allocUnsafeSlow(1_048_576);
const file = openSync(String(workerData), "r");
let bytes = 0;
try {
  for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
    hash.update(read === buffer.length ? buffer : buffer.subarray(0, read));
    bytes += read;
  }
} finally {
  closeSync(file);
}
parentPort?.postMessage({ bytes, sha256: hash.digest("hex") });
