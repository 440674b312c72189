/**
 * Programs in a YAML or JSON file: `programs:` with a definition each.
 *
 * PF1 An error says file, line, field and what is expected there.
 * PF2 What was read is written down as JSON under the name of its content, as modules are bundled: runners that start
 *     later use what the worker read when it started, whatever became of the file since (`kept-programs.ts`).
 * PF3 What several programs share is written once, in YAML's own way: an anchor and a merge key `<<`; beside `programs:`
 *     keys that begin with `x-` may hold it.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { isNode, LineCounter, parseDocument, visit, type Document } from "yaml";
import { type DefinitionFault, pathText } from "./definition-fault.ts";
import { checkEntry } from "./kept-programs.ts";

/** Reads programs files, and keeps what was read in `folder` (PF2). @returns the paths of the kept files, in order */
export async function keepPrograms(files: readonly string[], folder: string): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const file of files) {
    const path = resolve(file);
    const programs = await readDocument(path);
    const text = JSON.stringify({ file: path, programs });
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
    await mkdir(folder, { recursive: true });
    const name = join(resolve(folder), `${basename(path, extname(path))}-${hash}.json`);
    const temporary = `${name}.${randomUUID()}.tmp`;
    await writeFile(temporary, text);
    await rename(temporary, name);
    kept.push(name);
  }
  return kept;
}

/**
 * Where something is wrong with a program that was read: file, line and field (PF1); for one that is defined in
 * TypeScript its name and the field.
 */
export async function placedFault(files: readonly string[], program: string, fault: DefinitionFault): Promise<string> {
  for (const file of files) {
    const path = resolve(file);
    const { document, lines } = await parse(path);
    const root = document.toJS() as { readonly programs?: readonly { readonly name?: unknown }[] } | null;
    const at = root?.programs?.findIndex(({ name }) => name === program) ?? -1;
    if (at >= 0) return told(path, document, lines, ["programs", at], fault);
  }
  return `program "${program}": ${pathText(fault.path)}${fault.detail}`;
}

interface Parsed {
  readonly document: Document;
  readonly lines: LineCounter;
}

async function parse(path: string): Promise<Parsed> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new Error(`${path}: there is no such file`);
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true }); // PF3
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`${path}:${lines.linePos(broken.pos[0]).line}: ${broken.message}`);
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      const line = lines.linePos(alias.range?.[0] ?? 0).line;
      throw new Error(`${path}:${line}: *${alias.source}: there is no anchor &${alias.source} above`);
    },
  });
  return { document, lines };
}

async function readDocument(path: string): Promise<unknown[]> {
  const { document, lines } = await parse(path);
  const root: unknown = toPlain(document, path);
  const list: unknown = typeof root === "object" && root !== null && "programs" in root ? root.programs : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new Error(`${path}: must hold a list \`programs:\` with at least one program`);
  }
  const other = Object.keys(root as object).find((key) => key !== "programs" && !key.startsWith("x-"));
  if (other !== undefined) {
    throw new Error(
      `${path}: ${other}: beside \`programs:\` there may only be keys that begin with x-, for what several share`,
    );
  }
  for (const [at, program] of list.entries()) {
    const checked = checkEntry(program, path);
    if (checked.kind === "ok") continue;
    const faults = checked.faults.map((fault) => told(path, document, lines, ["programs", at], fault));
    throw new Error(faults.slice(0, 10).join("\n")); // PF1
  }
  return list as unknown[];
}

/** @throws Error for what only shows then: `<<` of a list of words, aliases that unfold without end */
function toPlain(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function told(
  file: string,
  document: Document,
  lines: LineCounter,
  base: readonly (string | number)[],
  { path, detail }: DefinitionFault,
): string {
  // The nearest part that is there: a field that is missing has no line of its own.
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = document.getIn([...base, ...path.slice(0, depth)], true);
    if (!isNode(node) || !node.range) continue;
    return `${file}:${lines.linePos(node.range[0]).line}: ${pathText([...base, ...path])}${detail}`;
  }
  return `${file}: ${pathText([...base, ...path])}${detail}`;
}
