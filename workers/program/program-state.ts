/**
 * What is kept in a checkpoint of a program beside its own files: progress, and what a store does not keep of files
 * (their times, by which programs and `${newest:…}` find the latest, their modes and those of folders, symbolic links).
 */
import { chmod, mkdir, readFile, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { removeFolder } from "../../src/runtime/remove-folder.ts";
import { FRAMEWORK_FILE } from "../runner/framework-state.ts";

const stateSchema = z.object({
  format: z.literal(1),
  progress: z.object({ completed: z.number(), total: z.number().nullable(), unit: z.string() }).nullable(),
  files: z.array(z.object({ name: z.string(), mtimeNs: z.string(), mode: z.int() })),
  /** Those that hold nothing. */
  folders: z.array(z.string()),
  folderModes: z.array(z.object({ name: z.string(), mode: z.int() })).default([]),
  links: z.array(z.object({ name: z.string(), target: z.string() })).default([]),
});
export type ProgramState = Omit<z.infer<typeof stateSchema>, "format">;

export async function saveProgramState(folder: string, state: ProgramState): Promise<void> {
  await writeFile(join(folder, FRAMEWORK_FILE), JSON.stringify({ format: 1, ...state }));
}

export async function readProgramState(restored: string): Promise<ProgramState> {
  return stateSchema.parse(JSON.parse(await readFile(join(restored, FRAMEWORK_FILE), "utf8")));
}

/** Time of the oldest of its files, ms since 1970; null: it has none. */
export function oldestMsOf({ files }: ProgramState): number | null {
  return files.reduce<number | null>((oldest, { mtimeNs }) => {
    const ms = Number(mtimeNs) / 1e6;
    return oldest === null || ms < oldest ? ms : oldest;
  }, null);
}

/** Moves the files of a restored checkpoint into the working folder, over what lies there. */
export async function layOut(state: ProgramState, restored: string, folder: string): Promise<void> {
  for (const name of state.folders) await mkdir(join(folder, name), { recursive: true });
  for (const { name, mtimeNs, mode } of state.files) {
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    await removeFolder(target);
    await rename(join(restored, name), target);
    const seconds = Number(mtimeNs) / 1e9;
    await utimes(target, seconds, seconds);
    await chmod(target, mode);
  }
  for (const { name, target } of state.links) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await removeFolder(path);
    await symlink(target, path);
  }
  // At last, and from the inside out: nothing can be laid into a folder that may not be written to.
  for (const { name, mode } of state.folderModes.toReversed()) {
    await chmod(join(folder, name), mode).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // None of its files is of the checkpoint.
    });
  }
}
