/** What a program that has succeeded hands out: its output files as artifacts, and the job's output. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { storeNames } from "../../src/checkpoints/checkpoints.ts";
import { expand } from "../../src/tasks/program/expand.ts";
import type { ArtifactFile } from "../runner/protocol.ts";
import { fileBehind, literalPattern, matcher, walk } from "./folder-look.ts";
import type { Resolved } from "./resolve.ts";

export type Harvest =
  | { readonly kind: "ok"; readonly artifacts: readonly ArtifactFile[]; readonly output: string }
  | { readonly kind: "failed"; readonly why: string };

/** @throws NotExpandable */
export async function harvest(
  { definition, scope }: Resolved,
  folder: string,
  end: { readonly exitCode: number | null; readonly result: unknown; readonly outputBytes: number },
): Promise<Harvest> {
  const { files: regular, links } = walk(folder);
  const places = new Map(regular.map(({ name }) => [name, join(folder, name)]));
  // A link counts as the file that it leads to, as long as that is the program's own.
  for (const { name } of links) {
    const path = fileBehind(folder, name);
    if (path !== null) places.set(name, path);
  }
  const names = [...places.keys()];
  const artifacts = new Map<string, string>();
  for (const [at, output] of definition.outputs.entries()) {
    const { files, name = null, optional = false } = typeof output === "string" ? { files: output } : output;
    const glob = expand(files, scope, `outputs[${at}]`, literalPattern);
    const found = names.filter(matcher([glob]));
    if (found.length === 0 && !optional) return failed(`outputs[${at}]: no file matches ${glob}`);
    if (found.length > 1 && name !== null)
      return failed(`outputs[${at}]: ${found.length} files match ${glob}, for one name`);
    for (const file of found) {
      const artifact = name === null ? nameOf(file) : expand(name, scope, `outputs[${at}].name`);
      if (!storeNames.isArtifactName(artifact))
        return failed(`outputs[${at}]: "${artifact}" is no name for an artifact`);
      const other = artifacts.get(artifact);
      if (other !== undefined && other !== file)
        return failed(`outputs: ${other} and ${file} would both be ${artifact}`);
      artifacts.set(artifact, file);
    }
  }
  const output = await outputOf({ definition, scope } as Resolved, folder, [...artifacts.keys()], end);
  if (output.kind === "failed") return output;
  if (Buffer.byteLength(output.text) > end.outputBytes) {
    return failed(`result: is longer than ${end.outputBytes} bytes; make it an artifact (outputs)`);
  }
  return {
    kind: "ok",
    artifacts: [...artifacts].map(([name, file]) => ({ name, path: places.get(file) ?? join(folder, file) })),
    output: output.text,
  };
}

type Output = { readonly kind: "ok"; readonly text: string } | Extract<Harvest, { kind: "failed" }>;

async function outputOf(
  { definition }: Resolved,
  folder: string,
  artifacts: readonly string[],
  end: { readonly exitCode: number | null; readonly result: unknown },
): Promise<Output> {
  const { result } = definition;
  if (result?.json !== undefined) {
    const text = await readFile(join(folder, result.json), "utf8").catch(() => null);
    if (text === null) return failed(`result.json: there is no file ${result.json}`);
    try {
      return { kind: "ok", text: JSON.stringify(JSON.parse(text)) };
    } catch {
      return failed(`result.json: ${result.json} is not JSON`);
    }
  }
  if (result?.text !== undefined) {
    if (end.result === null) return failed(`result.text: no line of the output matches /${result.text}/`);
    return { kind: "ok", text: JSON.stringify(end.result) };
  }
  return { kind: "ok", text: JSON.stringify({ exitCode: end.exitCode, artifacts }) };
}

/** `out/field.dat` → `out-field.dat`. */
function nameOf(file: string): string {
  return file
    .replaceAll("/", "-")
    .replaceAll(/[^A-Za-z0-9._-]/g, "_")
    .replace(/^[^A-Za-z0-9]+/, "");
}

function failed(why: string): Extract<Harvest, { kind: "failed" }> {
  return { kind: "failed", why };
}
