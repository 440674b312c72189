/** Runs a command of the set-up: bounded, its output kept for the case that it fails. Never through a shell. */
import { spawn } from "node:child_process";

/** How much of the output is kept, characters. */
const KEPT = 4_000;

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {object} options
 * @param {number} options.timeoutMs
 * @param {string} [options.cwd]
 * @param {Record<string, string>} [options.env] added to that of this process
 * @param {boolean} [options.shown] the output goes to the terminal instead of being kept
 * @param {(pid: number) => void} [options.onSpawn]
 * @returns {Promise<{ok: boolean, output: string}>} `output` is the last of what it wrote, or why it could not start
 */
export function runCommand(command, args, { timeoutMs, cwd, env, shown = false, onSpawn }) {
  return new Promise((resolve) => {
    const out = shown ? 2 : "pipe";
    const child = spawn(command, args, {
      stdio: ["ignore", out, out],
      timeout: timeoutMs,
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    if (child.pid !== undefined) onSpawn?.(child.pid);
    let output = "";
    /** @param {Buffer} chunk */
    const keep = (chunk) => (output = (output + chunk.toString()).slice(-KEPT));
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.once("error", (error) => resolve({ ok: false, output: error.message }));
    child.once("close", (code, signal) => {
      const why = signal === null ? "" : `\n(ended by ${signal})`;
      resolve({ ok: code === 0, output: output.trim() + why });
    });
  });
}
