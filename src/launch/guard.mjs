/**
 * The guard: a small process that outlives its parent, to end all that its parent has started.
 *
 * It reads JSON lines on its standard input, `{"watch": {pid, startedAt}, "last": bool}` and `{"forget": pid}`.
 * When that pipe closes, its parent is gone, in whichever way: then it ends the wards and itself.
 *
 * W1 Nothing of ours runs ten seconds after the parent is gone: 4 s from SIGTERM to SIGKILL for the wards, then 3 s
 *    for what is to end last (Redis, which the others need for handing over their work).
 * W2 It is in a session of its own, and deaf to the signals that people send to groups.
 * W3 No process is signalled that is not exactly the one that was meant: pids are used again.
 * W4 Wards are asked, the rest of their family (see process-identity.mjs) is only killed: a runner whose agent is
 *    handing over its work must not be told to stop by anybody else.
 *
 * Arguments: the word that marks our processes in the variable CAIRN_RUN.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { family, isRunning } from "./process-identity.mjs";

const ASK_MS = 4_000;
/** For what was left behind by wards that have ended already: it ends by itself, or not at all. */
const STRAY_MS = 1_000;
const ASK_LAST_MS = 3_000;
const LOOK_EVERY_MS = 50;

/** @typedef {import("./process-identity.mjs").ProcessIdentity} ProcessIdentity */

/** @type {Map<number, {identity: ProcessIdentity, last: boolean}>} */
const wards = new Map();
const mark = { variable: "CAIRN_RUN", word: process.argv[2] ?? "" };

/**
 * @param {ProcessIdentity} identity
 * @param {NodeJS.Signals} signal
 */
function send(identity, signal) {
  if (!isRunning(identity)) return; // W3
  try {
    process.kill(identity.pid, signal);
  } catch {
    // Gone meanwhile, or not ours to signal (a setuid program): nothing more can be done about it.
  }
}

/**
 * SIGTERM to `asked`; SIGKILL after `graceMs` to all that `all` finds. Returns as soon as nothing is left.
 * @param {ProcessIdentity[]} asked
 * @param {() => ProcessIdentity[]} all
 * @param {number} graceMs
 */
async function end(asked, all, graceMs) {
  /** @type {Map<string, ProcessIdentity>} */
  const seen = new Map();
  const look = () => {
    for (const identity of all()) seen.set(`${identity.pid} ${identity.startedAt}`, identity);
    return [...seen.values()].filter(isRunning);
  };
  // Once before anything ends: what a ward has started is nobody's descendant any more when the ward is gone.
  look();
  for (const identity of asked) send(identity, "SIGTERM");
  const begin = performance.now();
  while (performance.now() - begin < graceMs) {
    // The whole table is read only when it may be the last time.
    if (![...seen.values()].some(isRunning) && look().length === 0) return;
    await delay(LOOK_EVERY_MS);
  }
  // More than once, for what is being started at this moment. What outlives that is stuck in the kernel or not ours.
  for (let left = look(); left.length > 0 && performance.now() - begin < graceMs + 1_000; left = look()) {
    for (const identity of left) send(identity, "SIGKILL");
    await delay(LOOK_EVERY_MS);
  }
}

async function endAll() {
  const all = [...wards.values()];
  const first = all.filter(({ last }) => !last).map(({ identity }) => identity);
  const last = all.filter((ward) => ward.last).map(({ identity }) => identity);
  const everybody = () => family([...first, ...last], mark);
  const allButLast = () => {
    const spared = new Set(family(last).map(({ pid }) => pid));
    return everybody().filter(({ pid }) => !spared.has(pid));
  };
  await end(first, allButLast, first.some(isRunning) ? ASK_MS : STRAY_MS);
  await end(last, everybody, last.some(isRunning) ? ASK_LAST_MS : 0);
}

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.on(signal, () => {}); // W2

// A pipe that breaks is a parent that is gone.
process.stdin.on("error", () => {});
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const order = JSON.parse(line);
  if (order.watch !== undefined) wards.set(order.watch.pid, { identity: order.watch, last: order.last === true });
  if (order.forget !== undefined) wards.delete(order.forget);
});
lines.on("close", () => void endAll().then(() => process.exit()));
