/** Does a folder answer? One that is a mount whose server is gone may not even refuse (`folder-probe.cjs`). */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** Resolves when anything in `folder` has been answered, if only by an error: perhaps never. */
export async function folderAnswers(folder: string): Promise<void> {
  const thread = new Worker(new URL("folder-probe.cjs", import.meta.url), { execArgv: [], workerData: folder });
  // A thread that cannot be had is no word about the folder.
  await once(thread, "message").catch(() => undefined);
}
