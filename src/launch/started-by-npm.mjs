/**
 * Under npm, the command that was typed is our parent. npm passes SIGINT and SIGTERM on, but when it is killed with
 * SIGKILL only its absence tells; what it started has to end then.
 */

const LOOK_EVERY_MS = 500;

/** @returns {number | null} npm's pid, or null if it was not npm (or pnpm, yarn) that started us */
export function npmParent() {
  return process.env["npm_lifecycle_event"] === undefined ? null : process.ppid;
}

/**
 * Calls `onGone` once when the parent has changed. Keeps nobody alive.
 * @param {number | null} parent
 * @param {() => void} onGone
 * @returns {() => void} ends the watch
 */
export function watchParent(parent, onGone) {
  const timer = setInterval(() => {
    if (parent === null || process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
