/**
 * The side of the guard (see guard.mjs) that is guarded: starts it, and tells it what has been started.
 *
 * W5 A guard that was killed is replaced, and told again whom to watch.
 * W6 Marks add up: what runs inside a guarded run (a test that starts the whole system) is ended with both.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { identify } from "./process-identity.mjs";

/** A guard that cannot stay alive is not started again faster than this, ms. */
const REPLACE_AFTER_MS = 250;

/**
 * @typedef {object} Guard
 * @property {{CAIRN_RUN: string}} mark must be in the environment of all that is started
 * @property {() => number | undefined} pid
 * @property {(pid: number, options?: {last: boolean}) => void} watch from now on it is ended with us; `last`: after
 *   all others
 * @property {(pid: number) => void} forget
 * @property {() => Promise<void>} close ends all that is watched and the rest of its family, then the guard
 */

/**
 * Starts a guard for this process. It keeps nobody alive.
 * @param {{onStart?: (pid: number) => void}} [options] `onStart` is called with each guard's pid
 * @returns {Guard}
 */
export function startGuard({ onStart = () => {} } = {}) {
  const word = randomUUID();
  const outer = process.env["CAIRN_RUN"];
  /** @type {Map<number, string>} */
  const orders = new Map();
  let closing = false;
  /** @type {import("node:child_process").ChildProcess} */
  let child;

  const start = () => {
    child = spawn(process.execPath, [fileURLToPath(new URL("guard.mjs", import.meta.url)), word], {
      cwd: "/",
      detached: true, // W2
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.on("error", () => {});
    child.stdin?.on("error", () => {});
    // Neither the guard nor its pipe keeps us running.
    child.unref();
    /** @type {{unref?: () => void} | null} */ (child.stdin)?.unref?.();
    for (const order of orders.values()) child.stdin?.write(order);
    child.once("exit", () => {
      if (!closing) setTimeout(() => !closing && start(), REPLACE_AFTER_MS).unref(); // W5
    });
    if (child.pid !== undefined) onStart(child.pid);
  };
  start();

  return {
    mark: { CAIRN_RUN: outer === undefined || outer === "" ? word : `${outer},${word}` }, // W6
    pid: () => child.pid,
    watch: (pid, { last } = { last: false }) => {
      const found = identify(pid);
      if (found === null) return;
      const order = `${JSON.stringify({ watch: { pid, startedAt: found.startedAt }, last })}\n`;
      orders.set(pid, order);
      child.stdin?.write(order);
    },
    forget: (pid) => {
      orders.delete(pid);
      child.stdin?.write(`${JSON.stringify({ forget: pid })}\n`);
    },
    close: () =>
      new Promise((resolve) => {
        closing = true;
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.ref();
        child.once("exit", () => resolve());
        child.stdin?.end();
      }),
  };
}
