/** Which queues a worker draws from, and who else could take what waits there. */
import { queuesOf } from "../batch/batch.ts";
import { LOST_AFTER_MS } from "./beat.ts";
import type { FleetWatch, WatchedWorker } from "./fleet-watch.ts";

/** Queues of batch work that the worker draws from, by what it has registered. */
export function queuesOfWorker(watch: Pick<FleetWatch, "tasks">, { registration }: WatchedWorker): readonly string[] {
  if (registration === null) return [];
  const own = new Set(registration.tasks);
  return queuesOf(
    watch.tasks.filter(({ name, definition }) => own.has(`${name}@${definition}`)),
    registration.pools,
  );
}

/** Has a worker other than `workerId` a free slot for what waits on `queue`? No I/O. */
export function canTakeElsewhere(
  watch: Pick<FleetWatch, "tasks" | "workers">,
  queue: string,
  workerId: string,
): boolean {
  return watch
    .workers()
    .some(
      (worker) =>
        worker.id !== workerId &&
        worker.beat.state === "ready" &&
        worker.beat.store === "answers" &&
        worker.silentMs < LOST_AFTER_MS / 2 &&
        worker.beat.slots.batch.used < worker.beat.slots.batch.total &&
        queuesOfWorker(watch, worker).includes(queue),
    );
}
