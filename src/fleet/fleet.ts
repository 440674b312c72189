/** The face of the fleet: registry, beats, failure detection, orders. */
export { BEAT_FORMAT, BEAT_MS, LOST_AFTER_MS, type Beat, type Registration } from "./beat.ts";
export { Caretaker } from "./caretaker.ts";
export { FailureBook } from "./failure-book.ts";
export { FleetWatch, type WatchedWorker } from "./fleet-watch.ts";
export { orderSchema, type Order } from "./order.ts";
export { WorkerPresence } from "./presence.ts";
export { canTakeElsewhere } from "./served-queues.ts";
export { TaskRegistry } from "./task-registry.ts";
export { WorkerRegistry } from "./worker-registry.ts";
