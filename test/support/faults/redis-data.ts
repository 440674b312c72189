/** What a Redis has on its disk. */
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../eventually.ts";

const logFolder = (dataDir: string): string => join(dataDir, "appendonlydir");

/** The append-only file that grows. @param dataDir of the server */
export function growingFile(dataDir: string): string {
  const folder = logFolder(dataDir);
  const growing = readdirSync(folder).filter((name) => name.endsWith(".incr.aof"));
  return join(folder, growing.sort().at(-1) ?? "");
}

/**
 * Redis writes its append-only file anew, as it is asked to after a start (`src/redis/log-rewrite.ts`). Started again
 * before that, it executes the beginning of what was torn: that is Redis' fault, and nobody's to mend.
 * @param torn the file that was cut
 */
export async function logRewritten(dataDir: string, torn: string): Promise<void> {
  await eventually("the append-only file is written anew", () => growingFile(dataDir) !== torn && !existsSync(torn));
}

/** Copies the data of a Redis that runs: as of one moment, though its files may be written anew meanwhile. */
export async function copyData(dataDir: string, to: string): Promise<void> {
  const files = (): string => readdirSync(logFolder(dataDir)).join();
  await eventually("the data is copied", () => {
    const before = files();
    rmSync(to, { recursive: true, force: true });
    try {
      cpSync(dataDir, to, { recursive: true, filter: (path) => !path.endsWith(".lock") });
    } catch {
      return false; // A file was replaced meanwhile.
    }
    return files() === before;
  });
}
