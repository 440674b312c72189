/**
 * The rest of what a process printed, after its end.
 *
 * LO1 It is waited for as long as it comes: on a machine with more to do than it can, the last lines may still be in
 *     the pipe long after the process that wrote them is gone.
 * LO2 Who inherited the pipes may hold them open, silent or not: neither is waited for without end.
 */
import type { ChildProcess } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/runtime/clock.ts";

/** Output that was silent for so long after the end of its process is over, ms. */
const SILENT_MS = 500;
/** Nobody is waited for longer, ms (LO2). */
const ALL_MS = 10_000;

/** Call it when the process has exited, or before. Resolves when its output is over; never rejects. */
export async function lastOutput(child: ChildProcess, clock: Clock): Promise<void> {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const closed = new AbortController();
  let pieces = 0;
  const count = (): void => void (pieces += 1);
  const close = (): void => closed.abort();
  for (const stream of streams) stream.on("data", count);
  child.once("close", close);
  const begunMs = clock.monotonicMs();
  for (let seen = -1; clock.monotonicMs() - begunMs < ALL_MS;) {
    // One that is paused is not silent: who reads it is held up.
    if (seen === pieces && !streams.some((stream) => stream.isPaused())) break;
    seen = pieces;
    if (streams.every((stream) => stream.readableEnded || stream.destroyed)) break;
    await clock.sleep(SILENT_MS, closed.signal);
    if (closed.signal.aborted) break;
    // Timers come before what waits in the pipes, in a process that got no processor meanwhile: that is read first.
    await setImmediate();
    await setImmediate();
  }
  for (const stream of streams) stream.off("data", count);
  child.off("close", close);
}
