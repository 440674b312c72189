import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Makes `folder` anew, with empty folders in it. What was left there by somebody else goes. */
export async function freshFolders(folder: string, names: readonly string[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const name of names) await mkdir(join(folder, name), { recursive: true });
}
