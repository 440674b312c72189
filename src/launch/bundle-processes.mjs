/**
 * The last step of the build: one program out of the hundreds of small files that each kind of process is made of, its
 * packages included. To find, read and compile each of them alone costs more processor time than all else that a
 * process does until it is ready, and a keeper and a runner are started for every attempt of every job.
 *
 * BP1 A process is started by the same file as without this step: what the compiler has made of its entry point is
 *     replaced by one that imports the program. Both work, so a build may be killed anywhere.
 * BP2 Programs lie in a folder of their own for each build, `dist/run/<hash>`; that of the build before stays, because
 *     processes that run may still load parts of it.
 * BP3 Each module keeps its own place in `dist/` (`import.meta.url`, in packages `__filename` too): beside it are
 *     scripts and the entry points of others.
 * BP4 There is one zod in a process: that of the program, also for the schemas of users (`src/tasks/bundle.ts`).
 * BP5 From Node.js 22.1 on, what V8 has made of a program is kept beside it and used by the next start. Where nothing
 *     can be written there, each start compiles anew, as with older ones.
 *
 * Without source maps: a process that is told to use them reads those of all its parts when it starts, and pays for stacks
 * that hardly anybody sees (medians of seven starts: a runner 0.122 s of processor time instead of 0.110 and 6 MB more,
 * a serving process of the API 0.744 s instead of 0.606 and 9 MB more). Nothing is minified: a stack names functions as
 * the source does, and in the program the path of its module stands above each.
 *
 * Plain JavaScript, and esbuild is loaded when it is called: the packages may not be there before.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";

/** Entry points, without `.ts`: what is started as a process or a thread, or imported by what is never compiled. */
const ENTRIES = [
  "api/main",
  "api/serve",
  "api/store/main",
  "src/cli/main",
  "src/launch/demo",
  "src/launch/dev",
  "src/online/beat-thread",
  "src/runtime/config",
  "src/zod",
  "workers/main",
  "workers/describer/main",
  "workers/keeper/main",
  "workers/program/main",
  "workers/replica/main",
  "workers/runner/main",
  "workers/simulate/main",
];

/** What an entry point imports first when it may be started by a person (`src/runtime/demand-node.ts`). */
const DEMAND = "src/runtime/demand-node";

/** Where Node.js keeps compiled code (BP5), beside the programs, with which it goes (BP2). */
const COMPILED = "compiled";

/** In front of each output: what modules are given in the place of what a bundle does not have (BP3). */
const BANNER = [
  'import { createRequire as $cairnCreateRequire } from "node:module";',
  'import { fileURLToPath as $cairnToPath } from "node:url";',
  "const require = $cairnCreateRequire(import.meta.url);",
  "const $cairnUrl = (path) => new URL(path, import.meta.url).href;",
  "const $cairnFile = (path) => $cairnToPath($cairnUrl(path));",
].join("\n");

/**
 * @param {string} root
 * @returns {import("esbuild").Plugin}
 */
function ownPlaces(root) {
  return {
    name: "own-places",
    setup(builder) {
      builder.onLoad({ filter: /\.[mc]?[jt]s$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        // As a URL relative to `dist/run/<hash>/`, where packages are further up.
        const inRoot = relative(root, path).split(sep).join("/");
        const place = inRoot.startsWith("node_modules/") ? `../../../${inRoot}` : `../../${jsOf(inRoot)}`;
        /** @type {string[]} */
        const names = [];
        if (text.includes("import.meta.url")) names.push(`$cairnPlace = $cairnUrl(${JSON.stringify(place)})`);
        if (text.includes("__filename")) names.push(`__filename = $cairnFile(${JSON.stringify(place)})`);
        if (text.includes("__dirname")) names.push(`__dirname = $cairnFile(${JSON.stringify(`${place}/..`)})`);
        if (names.length === 0) return undefined;
        // On the first line, so that the numbers of the lines stay right; but a hashbang has to remain first.
        const contents = text.replace(/^(#!.*\n)?/, (first) => `${first}const ${names.join(", ")}; `);
        return { contents, loader: path.endsWith("ts") ? "ts" : "js" };
      });
    },
  };
}

/** @param {string} path */
function jsOf(path) {
  return path.replace(/\.(m?)ts$/, ".$1js");
}

/**
 * Zod exports its messages in fifty languages, half of all its code; here each is loaded when it is asked for.
 * @type {import("esbuild").Plugin}
 */
const lazyLocales = {
  name: "lazy-locales",
  setup(builder) {
    builder.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return {
        contents: text.replace(
          /^export \{ default as (\w+) \} from "\.\/([\w-]+)\.js";$/gm,
          'export const $1 = () => require("zod/v4/locales/$2.cjs")();',
        ),
      };
    });
    // Left to the `require` of the output (BANNER).
    builder.onResolve({ filter: /^zod\/v4\/locales\// }, ({ path }) => ({ path, external: true }));
  },
};

/**
 * The text of the file that starts, or is, the program `from`.
 * @param {string} up from the file's folder to `dist/`
 * @param {string} from path of the program in `dist/`
 * @param {{exports: readonly string[], demand: boolean}} entry
 */
function starter(up, from, { exports, demand }) {
  const program = JSON.stringify(`${up}${from}`);
  if (exports.length > 0) {
    const rest = exports.includes("default") ? `export { default } from ${program};\n` : "";
    return `export * from ${program};\n${rest}`;
  }
  // The program is not linked with it: an older Node.js is to be told, not to stumble over what it lacks; and a newer
  // one is to know first where it keeps what it has compiled (BP5).
  return [
    ...(demand ? [`import ${JSON.stringify(`${up}${DEMAND}.js`)};`] : []),
    'import module from "node:module";',
    'import { fileURLToPath } from "node:url";',
    `module.enableCompileCache?.(fileURLToPath(new URL(${JSON.stringify(`${up}${dirname(from)}/${COMPILED}`)}, import.meta.url)));`,
    `await import(${program});`,
    "",
  ].join("\n");
}

/**
 * Makes the programs, and has the entry points in `dist/` import them (BP1).
 * @param {string} root
 * @param {string} hash of all that the build reads
 */
export async function bundleProcesses(root, hash) {
  const entries = ENTRIES.filter((entry) => existsSync(join(root, `${entry}.ts`)));
  if (entries.length === 0) return;
  const { build, stop } = await import("esbuild");
  const folder = `run/${hash.slice(0, 16)}`;
  const nameOf = (/** @type {string} */ entry) => entry.replaceAll("/", "-");
  try {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: Object.fromEntries(entries.map((entry) => [nameOf(entry), `${entry}.ts`])),
      outdir: join(root, "dist", folder),
      chunkNames: "part-[hash]",
      bundle: true,
      splitting: true,
      metafile: true,
      platform: "node",
      target: "node20",
      format: "esm",
      // esbuild finds its program beside its own files; this package's description is asked for by its name.
      external: ["esbuild", "cairn-scheduler/package.json"],
      // Its form for bundlers: in CommonJS it would come without the names of its exports when it is loaded lazily.
      alias: { "@aws-sdk/client-s3": "@aws-sdk/client-s3/dist-es/index.js" },
      define: { "import.meta.url": "$cairnPlace" },
      banner: { js: BANNER },
      plugins: [lazyLocales, ownPlaces(root)],
      legalComments: "none",
      logLevel: "error",
    });
    demandNames(metafile);
    for (const entry of entries) {
      const exports = metafile.outputs[`dist/${folder}/${nameOf(entry)}.js`]?.exports ?? [];
      const demand = readFileSync(join(root, `${entry}.ts`), "utf8").includes("demand-node");
      const file = join(root, "dist", `${entry}.js`);
      const text = starter("../".repeat(entry.split("/").length - 1), `${folder}/${nameOf(entry)}.js`, {
        exports,
        demand,
      });
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    }
  } finally {
    await stop();
  }
  keepTwo(join(root, "dist/run"), hash.slice(0, 16));
}

/**
 * A package in CommonJS that is loaded by `import()` has only its default export in a bundle, but all in Node.js.
 * @param {import("esbuild").Metafile} metafile
 */
function demandNames({ outputs }) {
  for (const { entryPoint = "", exports } of Object.values(outputs)) {
    if (entryPoint.includes("node_modules/") && exports.join() === "default")
      throw new Error(`${entryPoint} would come without its names: give bundle-processes.mjs an alias to its ESM form`);
  }
}

/**
 * Removes all programs but those of this build and of the one before it (BP2).
 * @param {string} folder
 * @param {string} current
 */
function keepTwo(folder, current) {
  mkdirSync(folder, { recursive: true });
  const others = readdirSync(folder)
    .filter((name) => name !== current)
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of others.slice(1)) rmSync(path, { recursive: true, force: true });
}
