/**
 * Patience with a store that does not answer. What must be read or written before an attempt can go on, or end, is
 * tried again for a while; a store that is away for longer ends the attempt on this worker, not the job. A full disk of
 * this worker is treated alike: somebody makes room, or another worker has some.
 *
 * SP1 A folder whose server is gone may not even refuse: what nobody wants any more is not waited for until it answers.
 */
import { isNoRoom, isSystemError, StoreFault } from "../../src/checkpoints/checkpoints.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { HeldUp } from "./protocol.ts";

/** So long what is under way has to be answered when nobody wants it any more (SP1). */
const LAST_ANSWER_MS = 2_000;
const AGAIN_MS = { first: 200, most: 5_000 };

export interface Patience {
  readonly clock: Clock;
  /** Aborts: nobody wants it any more, and the last fault is thrown. */
  readonly signal: AbortSignal;
  readonly patienceMs: number;
}

/**
 * Repeats `work` as long as it throws StoreFault, or there is no room on the disk.
 * @throws the last such error, when patience is over; other errors at once
 */
export async function untilStored<T>(patience: Patience, work: () => Promise<T>): Promise<T> {
  const { clock, signal, patienceMs } = patience;
  const begin = clock.monotonicMs();
  for (let pauseMs = AGAIN_MS.first; ; pauseMs = Math.min(pauseMs * 2, AGAIN_MS.most)) {
    try {
      return await orGivenUp(work(), patience);
    } catch (error) {
      const passes = error instanceof StoreFault || isNoRoom(error);
      const patient = passes && clock.monotonicMs() - begin < patienceMs && !signal.aborted;
      if (!patient) throw error;
    }
    await clock.sleep(pauseMs, signal);
  }
}

/** SP1 @throws what `work` throws; StoreFault when it was not answered */
export function orGivenUp<T>(work: Promise<T>, { clock, signal }: Pick<Patience, "clock" | "signal">): Promise<T> {
  const answered = new AbortController();
  return new Promise((resolve, reject) => {
    const giveUp = async (): Promise<void> => {
      await clock.sleep(LAST_ANSWER_MS, answered.signal);
      await new Promise((turn) => setImmediate(turn)); // Where this process was held up, the answer may be here.
      reject(new StoreFault("unavailable", "the store had not answered when nobody waited for it any more"));
    };
    if (signal.aborted) void giveUp();
    else signal.addEventListener("abort", () => void giveUp(), { once: true, signal: answered.signal });
    void work.then(resolve, reject).finally(() => answered.abort());
  });
}

/** A checkpoint is not in the store, as far as this worker sees: another one is to look for it. */
export class CheckpointMissing extends Error {
  override readonly name = "CheckpointMissing";
}

/** Why an attempt that ran out of patience lets go; null: for another reason than these. */
export function heldUpBy(error: unknown): HeldUp | null {
  if (error instanceof CheckpointMissing) return "checkpoint_missing";
  if (isNoRoom(error)) return "disk_full";
  if (error instanceof StoreFault) return "store_unavailable";
  // No user's code runs in a keeper: what the system refuses it, the machine refuses.
  return isSystemError(error) ? "disk_failed" : null;
}
