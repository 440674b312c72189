/** A `cairn store` for tests: the real server on a free port, in this process, over any store. */
import type { CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { StoreServer } from "../../api/store/server.ts";

export const STORE_TOKEN = "a-token-for-tests";

export async function startStoreServer(store: CheckpointStore): Promise<StoreServer> {
  const server = new StoreServer({
    store,
    host: "127.0.0.1",
    port: 0,
    token: STORE_TOKEN,
    drainMs: 1_000,
    logger: createLogger({ level: "fatal", process: "store" }),
  });
  await server.start();
  return server;
}
