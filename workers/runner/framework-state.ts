/**
 * What Cairn itself keeps in a checkpoint, beside the user's files: the state of `ctx.random` and the last progress.
 * Without it a resumed job would draw other numbers than an undisturbed one, and would not know how far it is.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Reserved: a task that writes a file of this name cannot be checkpointed. */
export const FRAMEWORK_FILE = ".cairn.json";

const stateSchema = z.object({
  format: z.literal(1),
  random: z.tuple([z.int(), z.int(), z.int(), z.int()]),
  progress: z.object({ completed: z.number(), total: z.number().nullable(), unit: z.string() }).nullable(),
});
export type FrameworkState = Omit<z.infer<typeof stateSchema>, "format">;

/** @throws Error when the task has written a file of the reserved name */
export async function saveFrameworkState(folder: string, state: FrameworkState): Promise<void> {
  try {
    await writeFile(join(folder, FRAMEWORK_FILE), JSON.stringify({ format: 1, ...state }), { flag: "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new Error(`the task saved a file ${FRAMEWORK_FILE}; that name is reserved`, { cause: error });
    }
    throw error;
  }
}

export async function loadFrameworkState(folder: string): Promise<FrameworkState> {
  return stateSchema.parse(JSON.parse(await readFile(join(folder, FRAMEWORK_FILE), "utf8")));
}
