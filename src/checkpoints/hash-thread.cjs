/**
 * Hashes one large file in a thread of its own (`hashing-copy.ts`): neither the event loop nor another file waits for it.
 * Plain JavaScript, because a thread is started from sources too, and CommonJS, because that starts in half the time:
 * what a thread does before it hashes is added to each checkpoint.
 *
 * Started with the path, and with a word in shared memory if the file is still being copied: 0 while it is, 1 when it is
 * whole, 2 when nobody wants it any more. Says `{ bytes, sha256, file }` and ends; `file` is what was read, as `fstat`
 * tells of it at the end.
 *
 * HT1 Hashing never waits for reading: while one piece is hashed another thread reads the next one. Both pieces stay in
 *     the processor's cache.
 */
const { createHash } = require("node:crypto");
const { closeSync, constants, fstatSync, openSync, read } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");

/** How long the copy is left to get ahead, ms. */
const PAUSE_MS = 2;
const PIECE = 524_288;
const [WHOLE, UNWANTED] = [1, 2];

const { path, copying } = workerData;
const state = new Int32Array(copying ?? Int32Array.of(WHOLE).buffer);

const file = opened();
if (file !== null) hashAll(file);

/** @param {number} file is read to its end, or until nobody wants it, and closed */
function hashAll(file) {
  const hash = createHash("sha256");
  let bytes = 0;
  let [buffer, other] = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)];
  let isWhole = false;

  const readOn = () => {
    isWhole = Atomics.load(state, 0) !== 0; // Asked before reading: nothing comes behind what is read then.
    read(file, buffer, 0, PIECE, null, take);
  };
  /** @type {(error: Error | null, count: number) => void} */
  const take = (error, count) => {
    if (error !== null) throw error; // Ends the thread, and the file with it.
    if (Atomics.load(state, 0) === UNWANTED) return closeSync(file);
    if (count === 0 && isWhole) return finish();
    const piece = buffer.subarray(0, count);
    if (count === 0) Atomics.wait(state, 0, 0, PAUSE_MS);
    else [buffer, other] = [other, buffer];
    readOn(); // HT1
    hash.update(piece);
    bytes += count;
  };
  const finish = () => {
    const { dev, ino, size, mtimeNs } = fstatSync(file, { bigint: true });
    closeSync(file);
    parentPort?.postMessage({ bytes, sha256: hash.digest("hex"), file: { dev, ino, size, mtimeNs } });
  };

  readOn();
}

/** The copy may not have begun yet. @returns null when nobody wants it */
function opened() {
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
