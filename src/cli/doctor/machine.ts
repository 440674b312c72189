/** This machine: Node, open files, the checkpoint store's folder. */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { link, open, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatBytes } from "../format.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

const GIB = 1024 ** 3;
const ROOM = { warnBytes: 5 * GIB, failBytes: GIB / 4 } as const;
const OPEN_FILES = 4_096;
/** Oldest Node, as in `engines` of package.json. */
const OLDEST_NODE = [20, 19] as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return ok("Node.js", version);
  return fail("Node.js", version, `Install Node.js ${oldest}.${oldestMinor} or newer.`);
}

/** Linux only: elsewhere there is no such file, and nothing is said. @param limits text of /proc/self/limits */
export function checkOpenFiles(limits: string | null): Finding[] {
  const soft = limits === null ? null : /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft == null) return [];
  if (soft === "unlimited" || Number(soft) >= OPEN_FILES) return [ok("open files", soft)];
  return [
    warn(
      "open files",
      soft,
      `Raise the limit to ${OPEN_FILES} or more (ulimit -n; LimitNOFILE= in a systemd unit): each open request takes one.`,
    ),
  ];
}

export function readLimits(): string | null {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return null;
  }
}

/** Does what a checkpoint does: write, flush, link, flush the folder. @param url as in CAIRN_STORE */
export async function checkStore(url: string): Promise<Finding[]> {
  const folder = folderOf(url);
  if (folder === null) {
    return [fail("checkpoint store", url, "Write file:/absolute/folder: this version knows no other store.")];
  }
  const present = nearest(folder);
  const findings = [await checkWriting(folder, present)];
  if (findings[0]?.verdict !== "fail") findings.push(await checkRoom(present));
  return findings;
}

function folderOf(url: string): string | null {
  if (!url.startsWith("file:")) return null;
  const path = url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length);
  return path === "" ? null : path;
}

/** The folder itself, or the next one above that exists: it is made when the first worker starts. */
function nearest(folder: string): string {
  for (let at = folder; ; at = dirname(at)) if (existsSync(at) || at === dirname(at)) return at;
}

async function checkWriting(folder: string, present: string): Promise<Finding> {
  const one = join(present, `.cairn-doctor-${randomUUID()}`);
  const two = `${one}.link`;
  try {
    const file = await open(one, "wx");
    try {
      await file.write("cairn");
      await file.sync();
    } finally {
      await file.close();
    }
    await link(one, two);
    const directory = await open(present, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return ok("checkpoint store", present === folder ? folder : `${folder} (will be made)`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail(
      "checkpoint store",
      `${folder}: ${reason}`,
      "Give this user the right to write there, on a file system that can link files; or name another folder with CAIRN_STORE.",
    );
  } finally {
    await Promise.all([rm(one, { force: true }), rm(two, { force: true })]);
  }
}

async function checkRoom(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${formatBytes(free)} free`;
  const advice = "Make room: checkpoints that cannot be written cost the work since the last one.";
  if (free < ROOM.failBytes) return fail("room in the store", found, advice);
  return free < ROOM.warnBytes ? warn("room in the store", found, advice) : ok("room in the store", found);
}
