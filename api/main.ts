/**
 * `cairn api`: the parent of the serving processes. It owns the listening socket and reads nothing from it.
 *
 * P1 SIGHUP replaces the serving processes one by one, with what is on disk now; no connection is refused.
 * P2 SIGTERM or SIGINT drains: `/readyz` refuses, answers close their connections, new ones are still served for a
 *    moment, what is under way ends. The second one ends at once.
 * P3 When the channel to the process that started us closes, that process is gone: we end, soon.
 */
import "../src/runtime/demand-node.ts";
import { ForeignStore } from "../src/batch/batch.ts";
import { askedToLeave } from "../src/runtime/asked-to-leave.ts";
import { createLogger } from "../src/runtime/logger.ts";
import { configOf, endWithFailure } from "../src/runtime/start-failure.ts";
import { announce, urlOf, withdraw } from "./api-address.ts";
import { Listener } from "./listener.ts";
import { ServingPool } from "./serving-pool.ts";

/** P2: who has seen an address a moment ago still finds it served. */
const LAME_DUCK_MS = 1_000;
/** P3 */
const ORPHANED_MS = 5_000;
const config = configOf("api");
const logger = createLogger({ level: config.logLevel, process: "api-parent" });

const pool = new ServingPool({
  entry: new URL("./serve.js", import.meta.url),
  size: config.apiProcesses,
  drainMs: config.drainMs,
  logger,
  onServing: () => listener.dealWaiting(),
  onForeignStore: (message) => endWithFailure("api", new ForeignStore(message), logger),
});
const listener: Listener = new Listener({ host: config.host, port: config.port, next: () => pool.next() });

async function serve(): Promise<void> {
  await listener.start();
  await pool.start();
  if (listener.address === null) return;
  const address = { url: urlOf(listener.address), pid: process.pid };
  await announce(config.data, address);
  logger.info({ url: address.url, processes: config.apiProcesses }, "API ready");
  process.send?.({ kind: "ready", ...address });
}

/** P2 */
async function drain(): Promise<void> {
  pool.drain();
  await new Promise((resolve) => setTimeout(resolve, LAME_DUCK_MS));
  await listener.stop();
  await pool.stop();
  await withdraw(config.data, process.pid);
}

async function main(): Promise<void> {
  process.on("SIGHUP", () => {
    logger.info("replacing the serving processes"); // P1
    void pool.replaceAll();
  });
  const asked = askedToLeave({ logger, onOrphaned: () => setTimeout(() => process.exit(1), ORPHANED_MS) });
  await Promise.race([serve().then(() => asked), asked]);
  await drain();
}

main().then(
  () => process.exit(0),
  (error: unknown) => endWithFailure("api", error, logger),
);
