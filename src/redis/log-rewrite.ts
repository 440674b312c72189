/**
 * Has Redis write its append-only file anew.
 *
 * A power failure may tear a transaction in the file. Redis drops it when it starts, but leaves its beginning in the
 * file (seen with 7.0.15: only the torn command is cut off), appends to that, and executes the beginning when it starts
 * once more: half a script, whose other half was never done. A file that is written from memory has nothing of it.
 */
import { Cluster } from "ioredis";
import type { RedisClient } from "./connection.ts";

/**
 * Asks each primary that has such a file; returns when they have begun.
 * @throws what Redis says: it may not be allowed, as on some hosted ones
 */
export async function rewriteLog(redis: RedisClient): Promise<void> {
  const primaries = redis instanceof Cluster ? redis.nodes("master") : [redis];
  for (const primary of primaries) {
    if (!/^aof_enabled:1/m.test(await primary.info("persistence"))) continue;
    // One that is in progress was begun since the start, and does as well.
    await primary.bgrewriteaof().catch((error: unknown) => {
      if (!String(error).includes("in progress")) throw error;
    });
  }
}
