/**
 * Gives a program that runs as another user what it works with.
 *
 * OW1 It may enter its folder by the absolute path: every folder above lets it through, else that is said.
 */
import { lchown, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ProgramUser } from "../../src/tasks/program/program-user.ts";
import { UnfitWorker } from "./program-fault.ts";

/** Everything under `folder`, and the folder itself. */
export async function giveTo(user: ProgramUser, folder: string): Promise<void> {
  await lchown(folder, user.uid, user.gid);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), user.uid, user.gid);
  }
}

/** @throws UnfitWorker naming the folder that the user may not pass (OW1) */
export async function demandEntry(user: ProgramUser, folder: string): Promise<void> {
  for (let path = dirname(folder); ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) {
      throw new UnfitWorker(
        `${user.name} may not enter ${path}, where the working folder lies: chmod o+x ${path}, or say another CAIRN_DATA`,
      );
    }
    if (path === dirname(path)) return;
  }
}
