/**
 * The checkpoint store, tried out the way a checkpoint uses it, and left as it was.
 *
 * ST1 A folder that does not exist yet is not made: it would belong to whoever runs the doctor, and not to the workers.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { link, open, rm, statfs } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { openStore, storeNames, type StoreAccess } from "../../checkpoints/checkpoints.ts";
import { formatBytes } from "../format.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

const GIB = 1024 ** 3;
const ROOM = { warnBytes: 5 * GIB, failBytes: GIB / 4 } as const;
const PROBE = "cairn doctor";

/** @param url as in CAIRN_STORE */
export async function checkStore(url: string, access: StoreAccess): Promise<Finding[]> {
  const folder = folderOf(url);
  if (folder === null) return [await checkRemote(url, access)];
  const present = nearest(folder);
  const findings = [await checkWriting(folder, present)];
  if (findings[0]?.verdict !== "fail") findings.push(await checkRoom(present));
  return findings;
}

/** Stores, reads back and deletes something small. */
async function checkRemote(url: string, access: StoreAccess): Promise<Finding> {
  try {
    const store = openStore(url, access);
    const name = storeNames.probeName(randomUUID());
    await store.create(name, Buffer.from(PROBE));
    try {
      const content = await store.get(name);
      const read = content === null ? null : await text(content);
      if (read !== PROBE) throw new Error("what was stored is not what is read back");
    } finally {
      await store.delete(name);
    }
    return ok("checkpoint store", url);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail(
      "checkpoint store",
      `${url}: ${reason}`,
      "Look at its address (CAIRN_STORE), its keys or token, and whether it can be reached from here.",
    );
  }
}

function folderOf(url: string): string | null {
  if (!url.startsWith("file:")) return null;
  const path = url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length);
  return isAbsolute(path) ? path : null;
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
