/**
 * Lets a session compete with others as a nice value says.
 *
 * Where Linux groups processes for its scheduler by session (`sched_autogroup_enabled`, on in Debian's and most other
 * kernels), a nice value counts within the session only, and all sessions get equal shares: a runner, which leads a
 * session of its own, would take as much of the processor as the replicas beside it. The group has a nice value too
 * (sched(7), "The autogroup feature").
 */
import { writeFile } from "node:fs/promises";
import type { Clock } from "../../src/runtime/clock.ts";

/** The kernel takes one such write in a tenth of a second from all who are not root. */
const AGAIN_MS = 150;
const TRIES = 40;

/**
 * Gives the session of `pid` the share of a nice value. Never rejects: where there are no such groups nothing is needed.
 *
 * @param nice 0 to 19
 * @returns whether the kernel took it
 */
export async function lowerSession(pid: number, nice: number, clock: Clock): Promise<boolean> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    try {
      await writeFile(`/proc/${pid}/autogroup`, String(nice));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false;
      await clock.sleep(AGAIN_MS);
    }
  }
  return false;
}
