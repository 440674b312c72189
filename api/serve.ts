/**
 * A serving process of `cairn api`. Its connections come from the parent (`main.ts`), which also tells it when to go.
 *
 * Signals are the parent's: a Ctrl-C or a stop of the whole group reaches us too, and must not end what is under way.
 * When the parent is gone, nobody can reach us any more.
 */
import type { Socket } from "node:net";
import { ForeignStore } from "../src/batch/batch.ts";
import { loadConfig } from "../src/runtime/config.ts";
import { RedisOutage } from "../src/redis/outage.ts";
import { createLogger } from "../src/runtime/logger.ts";
import type { MetricsSnapshot } from "./metrics-gather.ts";
import type { FromServing, ToServing } from "./parent-protocol.ts";
import { createServing } from "./serving.ts";

/** How long what is under way may take to end when the parent is gone, ms. */
const ORPHANED_MS = 3_000;
const METRICS_WITHIN_MS = 2_000;

const config = loadConfig();
const outage = new RedisOutage();
const logger = createLogger({ level: config.logLevel, process: "api", absorbs: (error) => outage.absorbs(error) });
const waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();

const serving = createServing({
  config,
  logger,
  listen: null,
  others: askOthers,
  outage,
  onForeignStore: endWithStore,
});

process.on("SIGTERM", () => undefined);
process.on("SIGINT", () => undefined);
process.on("SIGHUP", () => undefined);
process.once("disconnect", () => {
  setTimeout(() => process.exit(1), ORPHANED_MS);
  void leave();
});
process.on("message", (message, handle) => hear(message as ToServing, handle as Socket | undefined));

serving.start().then(
  () => tell({ kind: "ready" }),
  (error: unknown) => endWith(error),
);

/** The parent says it, once for all. */
function endWithStore({ message }: Error): void {
  process.send?.({ kind: "foreign_store", message } satisfies FromServing, () => process.exit(1));
}

function endWith(error: unknown): void {
  if (error instanceof ForeignStore) {
    endWithStore(error);
    return;
  }
  logger.fatal({ err: error }, "cannot serve");
  process.exit(1);
}

function hear(message: ToServing, socket: Socket | undefined): void {
  switch (message.kind) {
    case "connection":
      tell({ kind: "taken", id: message.id });
      // The client may have gone while its connection was on the way.
      if (socket !== undefined) serving.accept(socket);
      return;
    case "drain":
      serving.drain();
      return;
    case "stop":
      void leave();
      return;
    case "metrics_wanted":
      void serving.gather.own().then((snapshot) => tell({ kind: "metrics", id: message.id, snapshot }));
      return;
    case "metrics_of_others":
      waiting.get(message.id)?.(message.snapshots);
  }
}

async function leave(): Promise<void> {
  try {
    await serving.stop();
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, "did not end cleanly");
    process.exit(1);
  }
}

function tell(message: FromServing): void {
  process.send?.(message);
}

/** The metrics of the other processes, from the parent; none when it does not answer. */
function askOthers(): Promise<readonly MetricsSnapshot[]> {
  const id = performance.now();
  return new Promise((resolve) => {
    const timer = setTimeout(() => answer([]), METRICS_WITHIN_MS);
    const answer = (snapshots: readonly MetricsSnapshot[]): void => {
      clearTimeout(timer);
      waiting.delete(id);
      resolve(snapshots);
    };
    waiting.set(id, answer);
    tell({ kind: "others_wanted", id });
  });
}
