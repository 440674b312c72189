/**
 * `npm run demo`: makes ready what is missing, then shows what Cairn is for, and says whether it held.
 * Everything runs in a folder and on ports of its own, and is gone afterwards; exit code 0 means that it held.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./build.mjs";
import { startGuard } from "./guarded.mjs";
import { CannotPrepare, prepare } from "./prepare.mjs";

const say = (/** @type {string} */ line) => console.error(line);
const guard = startGuard();
const dataDir = mkdtempSync(join(tmpdir(), "cairn-demo-"));

async function tidy() {
  await guard.close();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
}

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.once(signal, () => void tidy().finally(() => process.exit(130)));
}

async function run() {
  await prepare({ root: ROOT, redis: "private", say, guard });
  /** @type {typeof import("./demo.ts")} */
  const { demo } = await import(new URL("../../dist/src/launch/demo.js", import.meta.url).href);
  return demo({
    start: join(ROOT, "src/launch/start.mjs"),
    dataDir,
    env: { ...process.env, ...guard.mark },
    watch: guard.watch,
    print: (line) => console.log(line),
  });
}

try {
  process.exitCode = await run();
} catch (error) {
  say(error instanceof CannotPrepare ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 1;
} finally {
  await tidy();
}
process.exit();
