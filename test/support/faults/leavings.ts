/**
 * What a fleet leaves when all of its jobs are forgotten: nothing of any job, in Redis, in the store, in the folders of
 * the workers, and no process.
 */
import { readdirSync, readFileSync, readlinkSync, type Dirent } from "node:fs";
import { join } from "node:path";
import { closeRedis, connectRedis } from "../../../src/redis/connection.ts";
import { eventually } from "../eventually.ts";
import type { Fleet } from "../fleet.ts";

/** Ids of jobs, in names of files and keys. */
const JOB_ID = /[0-9a-z]{26}/;
/** What names a job and goes by itself, a day later. */
const BY_ITSELF = ":idem:";

/** Keys that name a job. */
export async function keysLeft(fleet: Fleet): Promise<string[]> {
  const redis = connectRedis(fleet.redis.url, { kind: "command", commandTimeoutMs: 5_000 }, "leavings");
  const found: string[] = [];
  try {
    await eventually("Redis answers", () => redis.ping().catch(() => null));
    let cursor = "0";
    do {
      const [next, names] = await redis.scan(cursor, "COUNT", 1_000);
      cursor = next;
      found.push(...names.filter((name) => JOB_ID.test(name) && !name.includes(BY_ITSELF)));
    } while (cursor !== "0");
  } finally {
    closeRedis(redis);
  }
  return found.sort();
}

/** Files of jobs in the store. */
export function filesLeft(fleet: Fleet): string[] {
  return filesIn(join(fleet.storeFolder, "jobs"));
}

/** Files in the folders in which attempts run. */
export function workLeft(fleet: Fleet): string[] {
  return filesIn(join(fleet.folder, "work")).filter((name) => !name.endsWith("worker.json"));
}

/**
 * Processes that stand in the fleet's folder, or were told of it.
 * @param known those that are still to be there
 */
export function processesLeft(fleet: Fleet, known: readonly number[]): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && !known.includes(Number(name)) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const told = readFileSync(`/proc/${pid}/environ`, "latin1").includes(fleet.folder);
        if (!told && !readlinkSync(`/proc/${pid}/cwd`).startsWith(fleet.folder)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")}`];
      } catch {
        return []; // It has ended.
      }
    });
}

/** What is deleted while it is looked at is not there. */
function filesIn(folder: string, prefix = ""): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const name = join(prefix, entry.name);
    if (entry.isDirectory()) return filesIn(join(folder, entry.name), name);
    return entry.isFile() ? [name] : [];
  });
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
