/**
 * Hashes one large file in a thread of its own (`hashing-copy.ts`): neither the event loop nor another file waits for it.
 * Plain JavaScript, because a thread is started from sources too, and CommonJS, because that starts in half the time:
 * what a thread does before it hashes is added to each checkpoint.
 *
 * Started with the path, and with a word in shared memory if the file is still being copied: 0 while it is, 1 when it is
 * whole, 2 when nobody wants it any more. Says `{ bytes, sha256, file }`; `file` is what was read, as `fstat` tells of it
 * at the end. Then it waits for the next file, in a message. It ends when nobody wants what it has, or it cannot be read.
 *
 * It reads and hashes in turns: to read the next piece in another thread meanwhile takes longer, where the copy and its
 * reader have two processors between them.
 */
const { createHash } = require("node:crypto");
const { closeSync, constants, fstatSync, openSync, readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");

/** How long the copy is left to get ahead, ms. */
const PAUSE_MS = 2;
const PIECE = 1_048_576;
const [WHOLE, UNWANTED] = [1, 2];

begin(workerData);

/** @param {{ path: string, copying: SharedArrayBuffer | null }} task */
function begin({ path, copying }) {
  const state = new Int32Array(copying ?? Int32Array.of(WHOLE).buffer);
  const file = opened(path, state);
  const hashed = file === null ? null : hashAll(file, state);
  if (hashed === null) return;
  parentPort?.once("message", begin);
  parentPort?.postMessage(hashed);
}

/**
 * @param {number} file is read to its end, or until nobody wants it, and closed
 * @param {Int32Array} state
 */
function hashAll(file, state) {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  let bytes = 0;
  for (;;) {
    const isWhole = Atomics.load(state, 0) !== 0; // Asked before reading: nothing comes behind what is read then.
    const count = readSync(file, buffer);
    if (Atomics.load(state, 0) === UNWANTED) {
      closeSync(file);
      return null;
    }
    if (count > 0) hash.update(buffer.subarray(0, count));
    else if (isWhole) break;
    else Atomics.wait(state, 0, 0, PAUSE_MS);
    bytes += count;
  }
  const { dev, ino, size, mtimeNs } = fstatSync(file, { bigint: true });
  closeSync(file);
  return { bytes, sha256: hash.digest("hex"), file: { dev, ino, size, mtimeNs } };
}

/**
 * The copy may not have begun yet.
 *
 * @param {string} path
 * @param {Int32Array} state
 * @returns null when nobody wants it
 */
function opened(path, state) {
  for (;;) {
    const copied = Atomics.load(state, 0);
    if (copied === UNWANTED) return null;
    try {
      return openSync(path, constants.O_RDONLY);
    } catch (error) {
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (copied === WHOLE || !isAbsent) throw error;
      Atomics.wait(state, 0, 0, PAUSE_MS);
    }
  }
}
