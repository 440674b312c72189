/**
 * `npm run bench -- <name> [arguments]`: makes ready what is missing, then runs one bench of `test/bench/`; in the
 * same way `npm run chaos` one run of `test/chaos/`. Without a name it lists them.
 *
 * First argument: `bench` or `chaos`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./build.mjs";
import { startGuard } from "./guarded.mjs";
import { CannotPrepare, prepare } from "./prepare.mjs";

const say = (/** @type {string} */ line) => console.error(line);
const guard = startGuard();
const [suite = "bench", name, ...rest] = process.argv.slice(2);
const programs = readdirSync(join(ROOT, "test", suite))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3));

try {
  if (name === undefined || !programs.includes(name)) {
    say(`npm run ${suite} -- <name>, one of: ${programs.join(", ")}`);
    process.exit(2);
  }
  await prepare({ root: ROOT, redis: "private", say, guard });
  const built = join(ROOT, "dist/test", suite, `${name}.js`);
  if (!existsSync(built)) throw new CannotPrepare(`${built} was not built`);
  const child = spawn(process.execPath, [built, ...rest], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, ...guard.mark },
  });
  if (child.pid !== undefined) guard.watch(child.pid);
  const [code] = await once(child, "exit");
  await guard.close();
  process.exit(code ?? 1);
} catch (error) {
  say(error instanceof CannotPrepare ? error.message : String(error instanceof Error ? error.stack : error));
  process.exit(1);
}
