/**
 * Removes a folder with all that somebody's program left in it.
 *
 * RF1 A folder without the right to write or enter (a tree that was unpacked read-only, a cache of modules) holds its
 *     entries even against its owner, unless that is root: the rights come first, then the removal.
 */
import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const OWNER = 0o700;
const RETRIES = 3;

/** Resolves when it is gone, also when it was not there. @throws Error when the file system refuses */
export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: RETRIES });
  } catch (error) {
    if (!isRefused(error)) throw error;
    await open(path); // RF1
    await rm(path, { recursive: true, force: true, maxRetries: RETRIES });
  }
}

/** The same, for a process that is about to exit. */
export function removeFolderNow(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: RETRIES });
  } catch (error) {
    if (!isRefused(error)) throw error;
    openNow(path);
    rmSync(path, { recursive: true, force: true, maxRetries: RETRIES });
  }
}

/** Gives the owner all rights on the folder, if it is one, and on those in it. Symbolic links are not followed. */
async function open(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, OWNER);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await open(join(path, entry.name));
  }
}

function openNow(path: string): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, OWNER);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) openNow(join(path, entry.name));
  }
}

function isRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM" || code === "ENOTEMPTY";
}
