/**
 * The data folder of `npm start` and `cairn dev`: who runs on it.
 *
 * D1 One system per data folder. It is taken before anything is installed or built, so a second start changes
 *    nothing under the first.
 * D2 The guard shares the lock, so that it is not free before the last process has ended. A start that follows a killed
 *    one waits for the guard of that one.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { tryLock } from "./folder-lock.mjs";
import { startGuard } from "./guarded.mjs";

/** The guard needs at most 8 s (see guard.mjs, W1). */
const GUARD_MS = 20_000;
const LOOK_EVERY_MS = 50;

/**
 * @typedef {import("./folder-lock.mjs").HeldLock} HeldLock
 * @typedef {import("./guarded.mjs").Guard} Guard
 */

/** @typedef {{url?: string, guard?: string}} Note what the owner tells: where it serves, and its guard's pid */

/**
 * @param {string} dataDir
 * @param {(line: string) => void} say
 * @returns {Promise<{kind: "held", lock: HeldLock, guard: Guard} | {kind: "taken", message: string}>} with a guard for
 *   this process
 */
export async function takeDataFolder(dataDir, say) {
  const begin = performance.now();
  for (let told = false; ;) {
    const result = tryLock(join(dataDir, "run/lock"));
    if (result.kind === "held") {
      const { lock } = result;
      const onStart = (/** @type {number} */ pid) => {
        lock.share(pid);
        lock.tell({ guard: String(pid) });
      };
      return { kind: "held", lock, guard: startGuard({ onStart }) };
    }
    /** @type {Note} */
    const note = result.note;
    const isGuard = note.guard === String(result.by.pid);
    if (!isGuard || performance.now() - begin > GUARD_MS) {
      const where = note.url === undefined ? "it is starting, or stopping" : note.url;
      return {
        kind: "taken",
        message: `Cairn is running already on ${dataDir}: process ${result.by.pid}, ${where}. (CAIRN_DATA names another folder.)`,
      };
    }
    if (!told) say("The former run was killed; waiting for its processes to end …");
    told = true;
    await delay(LOOK_EVERY_MS);
  }
}
