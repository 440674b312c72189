import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { removeFolder } from "../../src/runtime/remove-folder.ts";

/** Makes `folder` anew, with empty folders in it. What was left there by somebody else goes. */
export async function freshFolders(folder: string, names: readonly string[]): Promise<void> {
  await removeFolder(folder);
  for (const name of names) await mkdir(join(folder, name), { recursive: true });
}
