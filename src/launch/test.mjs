/**
 * `npm test`: makes ready what is missing, then runs the tests. Arguments go to vitest: `npm test -- -t "a name"`.
 * `npm run test:long` is the same with those that take longest, and no others.
 *
 * Plain JavaScript: in a fresh clone there are no packages yet.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./build.mjs";
import { startGuard } from "./guarded.mjs";
import { CannotPrepare, prepare } from "./prepare.mjs";
import { npmParent, watchParent } from "./started-by-npm.mjs";

const say = (/** @type {string} */ line) => console.error(line);
const guard = startGuard();
// The guard ends the tests, and all that they have started.
watchParent(npmParent(), () => process.exit(1));

/** From the wish to stop until what is left is killed, ms. */
const STOP_MS = 5_000;
/** A Ctrl-C at the terminal comes twice: from there and from npm. */
const SAME_MS = 250;

/**
 * @param {string} temporary where the tests make their temporary folders
 * @returns {Promise<number>} the exit code of vitest
 */
async function runTests(temporary) {
  await prepare({ root: ROOT, redis: "private", say, guard });
  const given = process.argv.slice(2);
  const reporters = [
    ...(given.some((argument) => argument.startsWith("--reporter")) ? [] : ["--reporter=default"]),
    `--reporter=${join(ROOT, "test/support/count-reporter.ts")}`,
  ];
  const projects = given.includes("--project") ? [] : ["--project", "unit", "--project", "integration"];
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--config", "test/vitest.config.ts", ...reporters, ...projects, ...given];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    // A group of its own: signals reach it from us, once.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...guard.mark, TMPDIR: temporary },
  });
  if (child.pid !== undefined) guard.watch(child.pid);
  let signalledAt = -Infinity;
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    if (performance.now() - signalledAt < SAME_MS) return;
    signalledAt = performance.now();
    child.kill(signal);
    setTimeout(() => child.kill("SIGKILL"), STOP_MS).unref();
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.on(signal, pass);
  const [code] = await once(child, "exit");
  return code ?? 1;
}

const temporary = mkdtempSync(join(tmpdir(), "cairn-test-"));
chmodSync(temporary, 0o711); // Programs that run as another user have to get through it.
try {
  process.exitCode = await runTests(temporary);
} catch (error) {
  say(error instanceof CannotPrepare ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 1;
}
await guard.close();
rmSync(temporary, { recursive: true, force: true });
process.exit();
