/**
 * Has anybody come after an attempt? Asked of the store when Redis has lost its memory, and with it perhaps a newer
 * owner (`batch/void-leases.ts`, AF2).
 */
import { compareFences, fenceText, parseFenceText, type Fence } from "../domain/fence.ts";
import { attemptFolder, attemptName, markFolder } from "./names.ts";
import { readOutcome } from "./outcome.ts";
import type { CheckpointStore } from "./store.ts";

/**
 * @param round of the job, which names its outcome
 * @returns who, in words; null: nobody
 * @throws StoreFault
 */
export async function successorOf(
  store: CheckpointStore,
  job: string,
  fence: Fence,
  round: number,
): Promise<string | null> {
  for await (const name of store.list(attemptFolder(job))) {
    if (name !== attemptName(job, fence) && !isBefore(name, attemptFolder(job), fence)) return `attempt ${name}`;
  }
  for await (const name of store.list(markFolder(job))) {
    // What was said after an attempt that is over is no news to those that came later.
    if (!isBefore(name, markFolder(job), fence)) return `mark ${name}`;
  }
  const standing = await readOutcome(store, job, round);
  if (standing.kind !== "stands") return null;
  const { outcome } = standing;
  const own = outcome.fence === fenceText(fence) && outcome.token === fence.token;
  return own ? null : `outcome of attempt ${outcome.attempt}`;
}

/** Names begin with the fence of an attempt; what cannot be read counts as newer. */
function isBefore(name: string, folder: string, fence: Fence): boolean {
  const [text = ""] = name.slice(folder.length).split("-");
  const other = parseFenceText(text);
  return other !== null && compareFences(other, fence) < 0;
}
