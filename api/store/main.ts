/**
 * `cairn store`: offers a checkpoint store over HTTP to a fleet that has neither a shared mount nor S3.
 *
 * SM1 It is as durable as what it offers: nothing is kept here but what can be found out again.
 * SM2 The first SIGTERM or SIGINT lets what is under way end, the second ends at once. When the channel to the process
 *     that started us closes, that process is gone, and we leave as after a signal.
 */
import { openStore, storeAccessFrom } from "../../src/checkpoints/checkpoints.ts";
import { loadConfig } from "../../src/runtime/config.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { StoreServer } from "./server.ts";

/** Equal signals within this time count once: under npm a Ctrl-C arrives twice. */
const ONCE_MS = 250;

const config = loadConfig();
const logger = createLogger({ level: config.logLevel, process: "store" });

/** Resolves at the first reason to leave; the second ends the process (SM2). */
function askedToLeave(): Promise<string> {
  return new Promise((resolve) => {
    let lastMs = -Infinity;
    let count = 0;
    const onAsked = (why: string): void => {
      const now = performance.now();
      if (now - lastMs < ONCE_MS) return;
      lastMs = now;
      count += 1;
      logger.info({ why, count }, "asked to leave");
      if (count > 1) process.exit(1);
      resolve(why);
    };
    process.on("SIGTERM", () => onAsked("SIGTERM"));
    process.on("SIGINT", () => onAsked("SIGINT"));
    process.once("disconnect", () => onAsked("the process that started this store is gone"));
  });
}

async function main(): Promise<void> {
  if (/^https?:/.test(config.store)) {
    throw new TypeError(
      "`cairn store` offers a folder or an S3 store: set CAIRN_STORE to one of those, or leave it out",
    );
  }
  const asked = askedToLeave();
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
  (error: unknown) => {
    logger.fatal({ err: error }, "store ended");
    process.exit(1);
  },
);
