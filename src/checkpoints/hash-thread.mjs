/**
 * Hashes one large file in a thread of its own (`hashing-copy.ts`): neither the event loop nor another file waits for it.
 * Plain JavaScript: a thread is started from sources too.
 *
 * Started with the path, and with a word in shared memory if the file is still being copied: 0 while it is, 1 when it is
 * whole, 2 when nobody wants it any more. Says `{ bytes, sha256 }` and ends.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** How long the copy is left to get ahead, ms. */
const PAUSE_MS = 2;
const [WHOLE, UNWANTED] = [1, 2];

const { path, copying } = workerData;
const state = new Int32Array(copying ?? Int32Array.of(WHOLE).buffer);
const hash = createHash("sha256");
const buffer = Buffer.allocUnsafeSlow(1_048_576);
let bytes = 0;

const file = opened();
if (file !== null) {
  try {
    follow(file);
  } finally {
    closeSync(file);
  }
  if (state[0] === WHOLE) parentPort?.postMessage({ bytes, sha256: hash.digest("hex") });
}

/** @param {number} file reads to its end, or until nobody wants it */
function follow(file) {
  for (;;) {
    const isWhole = Atomics.load(state, 0) !== 0; // Asked before reading: nothing comes behind what is read then.
    const read = readSync(file, buffer);
    if (read > 0) {
      hash.update(read === buffer.length ? buffer : buffer.subarray(0, read));
      bytes += read;
    } else if (isWhole) return;
    else Atomics.wait(state, 0, 0, PAUSE_MS);
    if (Atomics.load(state, 0) === UNWANTED) return;
  }
}

/** The copy may not have begun yet. @returns null when nobody wants it */
function opened() {
  for (;;) {
    const copied = Atomics.load(state, 0);
    try {
      return openSync(path, "r");
    } catch (error) {
      if (copied === UNWANTED) return null;
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (copied === WHOLE || !isAbsent) throw error;
      Atomics.wait(state, 0, 0, PAUSE_MS);
    }
  }
}
