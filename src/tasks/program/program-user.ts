/**
 * The user that a program runs as: another than the worker's, where its definition says so.
 *
 * PU1 Only root may do that. A worker that cannot is told when it starts, not when a job comes.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ProgramTask } from "./define-program.ts";

export interface ProgramUser {
  readonly name: string;
  readonly uid: number;
  /** Its primary group; it has no others. */
  readonly gid: number;
  readonly home: string;
}

/** Looks a user up by name or number, wherever this machine keeps them. @returns null when there is none */
export async function findUser(nameOrNumber: string): Promise<ProgramUser | null> {
  const found = await promisify(execFile)("getent", ["passwd", nameOrNumber]).catch(() => null);
  const [name = "", , uid = "", gid = "", , home = ""] = found?.stdout.trimEnd().split(":") ?? [];
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return null;
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/**
 * The user of a program; null: it runs as the worker itself does.
 * @param own the worker's user
 * @throws Error when there is no such user, or the worker may not become it (PU1)
 */
export async function userOf(
  { program }: Pick<ProgramTask, "program">,
  own: number | undefined = process.getuid?.(),
): Promise<ProgramUser | null> {
  if (program.user === undefined) return null;
  const found = await findUser(program.user);
  if (found === null) throw new Error(`there is no user ${program.user} on this machine`);
  if (found.uid === own) return null;
  if (own === 0) return found;
  throw new Error(
    `only a worker that runs as root can run it as ${found.name}; start the worker as root or as ${found.name}`,
  );
}
