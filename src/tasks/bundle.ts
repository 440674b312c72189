/**
 * Makes one plain JavaScript file of each user's module, once, when a worker starts; replicas and runners import it.
 *
 * U1 The file is named by its content: a worker that restarts, or ten on one machine, use the same one, and a process
 *    that still runs an older one is not disturbed.
 * U2 `cairn-scheduler` means this package wherever the module lies, and `zod` is this package's copy, so that the
 *    schemas of users can be turned into JSON Schema.
 * U3 The module sees its own place (`import.meta.url`), not the bundle's: it may read files beside it.
 * U4 A module that cannot be bundled is refused with file, line and reason.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, formatMessages, stop, type BuildFailure, type Loader, type Plugin } from "esbuild";
import { BUNDLE_ORIGIN } from "./load-tasks.ts";

const HERE = fileURLToPath(import.meta.url);
/** `.ts` when run from the sources, `.js` when built. */
const INDEX = resolve(dirname(HERE), `../index${extname(HERE)}`);
const ZOD = resolve(dirname(HERE), `../zod${extname(HERE)}`);

export interface BundleRequest {
  /** Paths of modules: `.js`, `.mjs`, `.ts` or `.mts`. */
  readonly modules: readonly string[];
  /** Where the bundles go. */
  readonly folder: string;
}

/**
 * Bundles each module.
 *
 * @returns the paths of the bundles, in the order of the modules
 * @throws Error with file, line and reason, when a module cannot be read or understood (U4)
 */
export async function bundleTasks(request: BundleRequest): Promise<readonly string[]> {
  if (request.modules.length === 0) return [];
  await mkdir(request.folder, { recursive: true });
  try {
    const paths: string[] = [];
    for (const module of request.modules) paths.push(await bundleModule(resolve(module), resolve(request.folder)));
    return paths;
  } finally {
    await stop(); // esbuild keeps a process of its own, and a worker has no more use for it.
  }
}

async function bundleModule(module: string, folder: string): Promise<string> {
  if (!/\.m?[jt]s$/.test(module)) throw new Error(`${module}: a module with tasks ends in .js, .mjs, .ts or .mts`);
  const info = await stat(module).catch(() => null);
  if (info?.isFile() !== true) throw new Error(`${module}: there is no such file`);
  const code = await bundleCode(module, folder);
  const hash = createHash("sha256").update(code).digest("hex").slice(0, 16);
  const path = join(folder, `${basename(module, extname(module))}-${hash}.mjs`); // U1
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, code);
  await rename(temporary, path);
  return path;
}

async function bundleCode(module: string, folder: string): Promise<Uint8Array> {
  try {
    const result = await build({
      entryPoints: [module],
      // What the code says of its sources must not depend on where the worker was started (U1).
      absWorkingDir: dirname(module),
      outdir: folder,
      bundle: true,
      write: false,
      platform: "node",
      target: "node20",
      format: "esm",
      sourcemap: "inline",
      sourcesContent: false,
      logLevel: "silent",
      alias: { "cairn-scheduler": INDEX },
      plugins: [oneZod, ownPlace],
      define: {
        "import.meta.url": "$cairnUrl",
        "import.meta.filename": "$cairnFile",
        "import.meta.dirname": "$cairnDir",
      },
      // Packages in CommonJS call `require` for Node's own modules, which a bundle in ESM does not have. (esbuild renames
      // a `require` that the user declares; tested.)
      banner: {
        js: 'import { createRequire as $cairnRequire } from "node:module"; const require = $cairnRequire(import.meta.url);',
      },
      footer: { js: `export const ${BUNDLE_ORIGIN} = ${JSON.stringify(module)};` },
    });
    const [file] = result.outputFiles;
    if (file === undefined) throw new Error(`${module}: nothing came out of bundling it`);
    return file.contents;
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const [first] = await formatMessages(error.errors, { kind: "error", color: false });
    throw new Error(`${module} cannot be bundled: ${(first ?? error.message).trim()}`, { cause: error }); // U4
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

/** U2: whatever asks for zod gets the one that this process uses, and it stays outside of the bundle. */
const oneZod: Plugin = {
  name: "one-zod",
  setup(builder) {
    builder.onResolve({ filter: /^zod(\/v4)?$/ }, () => ({ path: pathToFileURL(ZOD).href, external: true }));
    // The smaller and older faces of zod: the files of the version that this package uses.
    builder.onResolve({ filter: /^zod($|\/)/ }, async ({ path, kind, pluginData }) => {
      if (pluginData === "own") return undefined;
      const found = await builder.resolve(path, { kind, resolveDir: dirname(INDEX), pluginData: "own" });
      if (found.errors.length > 0) return { errors: found.errors };
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

/** U3: gives each file of the user that asks where it is the answer for itself. */
const ownPlace: Plugin = {
  name: "own-place",
  setup(builder) {
    builder.onLoad({ filter: /\.[mc]?[jt]sx?$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      if (!text.includes("import.meta")) return undefined;
      const place = [
        `const $cairnUrl = ${JSON.stringify(pathToFileURL(path).href)};`,
        `const $cairnFile = ${JSON.stringify(path)};`,
        `const $cairnDir = ${JSON.stringify(dirname(path))};`,
      ].join(" ");
      // On the first line, so that the numbers of the lines stay right; but a hashbang has to remain first.
      const contents = text.startsWith("#!") ? text.replace("\n", `\n${place} `) : `${place} ${text}`;
      return { contents, loader: loaderOf(path), resolveDir: dirname(path) };
    });
  },
};

function loaderOf(path: string): Loader {
  switch (extname(path)) {
    case ".ts":
    case ".mts":
    case ".cts":
      return "ts";
    case ".tsx":
      return "tsx";
    case ".jsx":
      return "jsx";
    default:
      return "js";
  }
}
