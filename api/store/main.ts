/**
 * `cairn store`: offers a checkpoint store over HTTP to a fleet that has neither a shared mount nor S3.
 *
 * SM1 It is as durable as what it offers: nothing is kept here but what can be found out again.
 * SM2 The first SIGTERM or SIGINT lets what is under way end, the second ends at once. When the channel to the process
 *     that started us closes, that process is gone, and we leave as after a signal.
 */
import "../../src/runtime/demand-node.ts";
import { openStore, storeAccessFrom } from "../../src/checkpoints/checkpoints.ts";
import { askedToLeave } from "../../src/runtime/asked-to-leave.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { configOf, endWithFailure } from "../../src/runtime/start-failure.ts";
import { StoreServer } from "./server.ts";

const config = configOf("store");
const logger = createLogger({ level: config.logLevel, process: "store" });

async function main(): Promise<void> {
  if (/^https?:/.test(config.store)) {
    throw new TypeError(
      "`cairn store` offers a folder or an S3 store: set CAIRN_STORE to one of those, or leave it out",
    );
  }
  const asked = askedToLeave({ logger });
  const server = new StoreServer({
    store: openStore(config.store, storeAccessFrom(config)),
    host: config.storeHost,
    port: config.storePort,
    token: config.storeToken ?? null,
    drainMs: config.drainMs,
    logger,
  });
  await server.start();
  logger.info({ url: server.url, store: config.store }, "store ready");
  process.send?.({ kind: "ready", url: server.url, pid: process.pid });
  await asked;
  await server.stop();
}

main().then(
  () => process.exit(0),
  (error: unknown) => endWithFailure("store", error, logger),
);
