/**
 * `npm test`: makes ready what is missing, then runs the tests. Arguments go to vitest: `npm test -- -t "a name"`.
 *
 * Plain JavaScript: in a fresh clone there are no packages yet.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "./build.mjs";
import { startGuard } from "./guarded.mjs";
import { CannotPrepare, prepare } from "./prepare.mjs";
import { npmParent, watchParent } from "./started-by-npm.mjs";

const say = (/** @type {string} */ line) => console.error(line);
const guard = startGuard();
// The guard ends the tests, and all that they have started.
watchParent(npmParent(), () => process.exit(1));

/** @returns {Promise<number>} the exit code of vitest */
async function runTests() {
  await prepare({ root: ROOT, redis: "private", say, guard });
  const given = process.argv.slice(2);
  const reporters = [
    ...(given.some((argument) => argument.startsWith("--reporter")) ? [] : ["--reporter=default"]),
    `--reporter=${join(ROOT, "test/support/count-reporter.ts")}`,
  ];
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--config", "test/vitest.config.ts", ...reporters, ...given];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, ...guard.mark },
  });
  if (child.pid !== undefined) guard.watch(child.pid);
  // A Ctrl-C reaches vitest from the terminal; npm's and others' signals are passed on. It ends, and then we do.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code] = await once(child, "exit");
  return code ?? 1;
}

try {
  const code = await runTests();
  await guard.close();
  process.exit(code);
} catch (error) {
  say(error instanceof CannotPrepare ? error.message : String(error instanceof Error ? error.stack : error));
  process.exit(1);
}
