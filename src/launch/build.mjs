/**
 * `npm run build`: compiles the TypeScript into `dist/`, copies what is not TypeScript, and makes one program of each
 * kind of process (`bundle-processes.mjs`).
 *
 * B1 Nothing is done if nothing changed: `dist/.stamp` holds the hash of all that the build reads. By content and
 *    not by time, because `git checkout` and `npm ci` change times.
 * B2 The stamp is taken away before the build and written after it: a build that was killed is done again, whole.
 * B3 One build at a time: who comes second waits, and then finds it done.
 * B4 What has no source any more goes out of `dist/`.
 *
 * Plain JavaScript that needs no package but the compiler: it runs before anything is compiled.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProcesses } from "./bundle-processes.mjs";
import { lock } from "./folder-lock.mjs";

/** The repository, or the package where it is installed. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Folders that are compiled, and whose other files (see ASSET) go along. */
const SOURCES = ["src", "workers", "api"];
/** Compiled with them: benches and chaos runs, and what they stand on. Nothing of it is an asset. */
const MEASURED_WITH = ["test/bench", "test/chaos", "test/support"];
/** Files beside the sources that decide what comes out. */
const SETTINGS = ["package.json", "package-lock.json", "tsconfig.json"];
/** Files that are copied as they are. */
const ASSET = /\.lua$/;
/** Never read: what a build of the dashboard leaves, and what it installs. */
const IGNORED_FOLDERS = new Set(["node_modules", "dist", ".vite"]);
/** In `dist/`, but made by nobody's source. */
const OWN_FILES = new Set([".stamp", ".tsbuildinfo", ".lock", ".install-lock", "run"]);
/** What tsc makes of a source. */
const OUTPUT = /(\.d\.(ts|mts|cts)|\.js|\.mjs|\.cjs)(\.map)?$/;

/**
 * All files under a folder, sorted, as paths relative to `root` with `/`.
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function filesUnder(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory()) return [path];
      return IGNORED_FOLDERS.has(entry.name) ? [] : filesUnder(root, path);
    })
    .sort();
}

/**
 * The hash of all that the build reads (B1).
 * @param {string} root
 */
function contentHash(root) {
  const hash = createHash("sha256");
  for (const path of [...SETTINGS, ...[...SOURCES, ...MEASURED_WITH].flatMap((folder) => filesUnder(root, folder))]) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * What `dist/.stamp` says: a hash, `building`, `failed`, or nothing.
 * @param {string} root
 */
function readStamp(root) {
  try {
    return readFileSync(join(root, "dist/.stamp"), "utf8");
  } catch {
    return "";
  }
}

/**
 * @param {string} root
 * @param {(pid: number) => void} onSpawn
 */
async function compile(root, onSpawn) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  if (!existsSync(tsc)) throw new Error("The packages are not installed: run `npm ci`, or `npm start`, which does it.");
  const child = spawn(process.execPath, [tsc, "-p", "tsconfig.json"], { cwd: root, stdio: ["ignore", 2, "inherit"] });
  if (child.pid !== undefined) onSpawn(child.pid);
  const [code, signal] = await once(child, "exit");
  return code === 0 ? { ok: true, why: "" } : { ok: false, why: `tsc ended with ${signal ?? `exit code ${code}`}.` };
}

/**
 * @param {string} root
 */
function copyAssets(root) {
  for (const path of SOURCES.flatMap((folder) => filesUnder(root, folder)).filter((path) => ASSET.test(path))) {
    mkdirSync(dirname(join(root, "dist", path)), { recursive: true });
    cpSync(join(root, path), join(root, "dist", path));
  }
  // The place for what a build of `api/dashboard` leaves: `api/dashboard/dist/` → `dist/api/dashboard/`.
}

/**
 * Removes outputs and assets whose source is gone (B4).
 * @param {string} root
 */
function removeOrphans(root) {
  for (const path of filesUnder(join(root, "dist"), "")) {
    if (OWN_FILES.has(path.split("/")[0] ?? "")) continue;
    const stem = path.replace(OUTPUT, "");
    const sources = stem === path ? [path] : [`${stem}.ts`, `${stem}.mts`, `${stem}.mjs`, `${stem}.cjs`];
    if (!sources.some((source) => existsSync(join(root, source)))) rmSync(join(root, "dist", path));
  }
}

/** The sources do not compile; the compiler has said why. */
export class BuildFailed extends Error {}

/**
 * Builds if there is something to build.
 * @param {object} [options]
 * @param {string} [options.root]
 * @param {(line: string) => void} [options.say] gets a line about what is being done
 * @param {(pid: number) => void} [options.onSpawn] gets the pid of the compiler
 * @returns {Promise<{kind: "unchanged"} | {kind: "built", tookMs: number}>}
 * @throws {BuildFailed} if the sources do not compile
 */
export async function build({ root = ROOT, say = () => {}, onSpawn = () => {} } = {}) {
  if (readStamp(root) === contentHash(root)) return { kind: "unchanged" };
  const held = await lock(join(root, "dist/.lock"), (by) => say(`Waiting for the build of process ${by.pid} …`));
  try {
    const wanted = contentHash(root);
    const stamp = readStamp(root);
    if (stamp === wanted) return { kind: "unchanged" };
    say("Building …");
    const begin = performance.now();
    // Was it killed half-way, or is there something of unknown age? Then the compiler's memory of what it wrote
    // cannot be trusted (B2).
    if (stamp === "building" || stamp === "") rmSync(join(root, "dist/.tsbuildinfo"), { force: true });
    writeFileSync(join(root, "dist/.stamp"), "building");
    const compiled = await compile(root, (pid) => {
      // If we are killed the compiler goes on writing: the next build has to wait for it too (B3).
      held.share(pid);
      onSpawn(pid);
    });
    // The compiler writes what it can even where types do not fit; the rest is kept in step with that.
    copyAssets(root);
    removeOrphans(root);
    if (!compiled.ok) {
      writeFileSync(join(root, "dist/.stamp"), "failed");
      throw new BuildFailed(compiled.why);
    }
    await bundleProcesses(root, wanted);
    writeFileSync(join(root, "dist/.stamp"), wanted);
    return { kind: "built", tookMs: Math.round(performance.now() - begin) };
  } finally {
    held.release();
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const result = await build({ say: (line) => console.error(line) });
    console.error(result.kind === "built" ? `Built in ${(result.tookMs / 1000).toFixed(1)} s.` : "Nothing to build.");
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
