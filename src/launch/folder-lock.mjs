/**
 * A lock between processes of one machine that survives the death of its owner: a folder of numbered files.
 *
 * Removing a lock that looks stale is a race (two find it stale, one takes it, the other removes the fresh one).
 * So nothing that may be held is ever removed:
 *
 * L1 The highest number is the lock; it is free if its file says so or all the processes named in it are gone.
 * L2 It is taken by creating the next number, which only one can do (`link` fails if it is there).
 * L3 Only files below one's own number are removed, so the highest number never falls; who finds a higher number
 *    than his own after creating it came too late.
 *
 * Plain JavaScript: the build uses it before anything is compiled.
 */
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isRunning } from "./process-identity.mjs";

/** How often a waiter looks, ms. */
const LOOK_EVERY_MS = 50;

/**
 * @typedef {import("./process-identity.mjs").ProcessIdentity} ProcessIdentity
 * @typedef {{held: boolean, by: ProcessIdentity[], note: Record<string, string>}} LockFile
 */

/**
 * A lock that this process holds.
 * @typedef {object} HeldLock
 * @property {(pid: number) => void} share the lock stays taken as long as this child lives, even if its owner dies
 * @property {(note: Record<string, string>) => void} tell adds words for those who find it taken
 * @property {() => void} release
 */

/**
 * @param {string} folder
 * @returns {number} the highest number, 0 if there is none
 */
function highest(folder) {
  return Math.max(0, ...readdirSync(folder).map(Number).filter(Number.isInteger));
}

/**
 * @param {string} folder
 * @param {number} number
 * @returns {LockFile | null} null if it was removed meanwhile, which says that a higher one is there
 */
function read(folder, number) {
  try {
    return JSON.parse(readFileSync(join(folder, String(number)), "utf8"));
  } catch {
    return null;
  }
}

/**
 * Takes the lock if it is free.
 * @param {string} folder made if absent
 * @returns {{kind: "held", lock: HeldLock} | {kind: "taken", by: ProcessIdentity, note: Record<string, string>}}
 */
export function tryLock(folder) {
  mkdirSync(folder, { recursive: true });
  const self = identify(process.pid);
  if (self === null) throw new Error("This process cannot find itself in the process table (/proc or ps).");
  const me = { pid: self.pid, startedAt: self.startedAt };
  for (;;) {
    const last = highest(folder);
    const current = last === 0 ? null : read(folder, last);
    if (last !== 0 && current === null) continue;
    const owner = current?.held === true ? current.by.find(isRunning) : undefined;
    if (current !== null && owner !== undefined) return { kind: "taken", by: owner, note: current.note };

    const number = last + 1;
    /** @type {LockFile} */
    const mine = { held: true, by: [me], note: {} };
    const path = join(folder, String(number));
    // Written whole under another name first: a reader never sees half a file.
    const draft = join(folder, `draft-${process.pid}`);
    writeFileSync(draft, JSON.stringify(mine));
    try {
      linkSync(draft, path);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") continue;
      throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    if (highest(folder) !== number) {
      rmSync(path, { force: true });
      continue;
    }
    for (const name of readdirSync(folder)) if (Number(name) < number) rmSync(join(folder, name), { force: true });

    /** @param {Partial<LockFile>} change */
    const rewrite = (change) => {
      Object.assign(mine, change);
      writeFileSync(draft, JSON.stringify(mine));
      renameSync(draft, path);
    };
    return {
      kind: "held",
      lock: {
        share: (pid) => {
          const other = identify(pid);
          if (other !== null) rewrite({ by: [...mine.by, { pid, startedAt: other.startedAt }] });
        },
        tell: (note) => rewrite({ note: { ...mine.note, ...note } }),
        release: () => {
          // The folder may be gone with all that it locked.
          if (existsSync(folder)) rewrite({ held: false });
        },
      },
    };
  }
}

/**
 * What the holder tells, without taking the lock.
 * @param {string} folder
 * @returns {Record<string, string> | null} null if nobody holds it
 */
export function heldNote(folder) {
  if (!existsSync(folder)) return null;
  const current = read(folder, highest(folder));
  return current?.held === true && current.by.some(isRunning) ? current.note : null;
}

/**
 * Takes the lock, waiting as long as a living process holds it.
 * @param {string} folder
 * @param {(by: ProcessIdentity) => void} onWait called once, if it has to wait
 * @returns {Promise<HeldLock>}
 */
export async function lock(folder, onWait = () => {}) {
  for (let told = false; ; told = true) {
    const result = tryLock(folder);
    if (result.kind === "held") return result.lock;
    if (!told) onWait(result.by);
    await delay(LOOK_EVERY_MS);
  }
}
