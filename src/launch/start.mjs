/**
 * `npm start`: makes ready what is missing, then runs everything on this machine until it is stopped.
 *
 * Plain JavaScript: on the first start there are no packages and nothing is compiled.
 */
import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { ROOT } from "./build.mjs";
import { takeDataFolder } from "./data-folder.mjs";
import { CannotPrepare, prepare } from "./prepare.mjs";
import { npmParent, watchParent } from "./started-by-npm.mjs";

const say = (/** @type {string} */ line) => console.error(line);
// A terminal that is gone must not end us by its error, before we have ended the others.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

try {
  process.loadEnvFile();
} catch {
  // No .env, or a Node that is too old and will be told so.
}
const { CAIRN_DATA, CAIRN_PORT, CAIRN_REDIS_URL, CAIRN_DRAIN_MS } = process.env;
const dataDir = resolve(CAIRN_DATA || join(ROOT, ".cairn"));
const parent = npmParent();
const unwatch = watchParent(parent, () => process.exit(1));

/** @returns {Promise<number>} the exit code */
async function start() {
  const given = process.argv.slice(2).join(" ");
  if (given !== "") {
    say(`npm start takes no arguments, and was given ${given}`);
    say(`  Set variables instead (CAIRN_PROGRAMS=… npm start), or use: npx cairn dev ${given}`);
    return 2;
  }
  const port = Number(CAIRN_PORT || 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    say(`CAIRN_PORT is "${CAIRN_PORT}", which is no port.`);
    return 1;
  }
  const taken = await takeDataFolder(dataDir, say);
  if (taken.kind === "taken") {
    say(taken.message);
    return 1;
  }
  const { lock, guard } = taken;
  const { server } = await prepare({ root: ROOT, redis: CAIRN_REDIS_URL ? "none" : "private", say, guard });
  unwatch();
  /** @type {typeof import("../runtime/config.ts")} */
  const { unknownVariables } = await import(new URL("../../dist/src/runtime/config.js", import.meta.url).href);
  for (const sentence of unknownVariables()) say(sentence);
  /** @type {typeof import("./dev.ts")} */
  const { dev } = await import(new URL("../../dist/src/launch/dev.js", import.meta.url).href);
  return dev({
    dataDir,
    port,
    workers: 3,
    redis: server === null ? { kind: "url", url: CAIRN_REDIS_URL ?? "" } : { kind: "private", server },
    // Not through `cairn api` and `cairn worker`: each of those would stay as one more process around its own.
    commands: { api: [join(ROOT, "dist/api/main.js")], worker: () => [join(ROOT, "dist/workers/main.js")] },
    env: process.env,
    drainMs: Number(CAIRN_DRAIN_MS || 60_000),
    parent,
    lock,
    guard,
    randomPart: () => randomBytes(3).toString("hex"),
    print: (text) => console.log(text),
    say,
  });
}

try {
  process.exit(await start());
} catch (error) {
  // What the person at the terminal can do something about is told in words, a fault with its stack.
  const inWords = error instanceof CannotPrepare || (error instanceof Error && error.name === "RedisStartError");
  say(inWords ? error.message : String(error instanceof Error ? error.stack : error));
  process.exit(1);
}
