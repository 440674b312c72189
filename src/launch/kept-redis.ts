/**
 * The private Redis of a local system, for as long as that runs: one that ends unasked is started again on the same
 * port and the same data, because its address is in the hands of all others. After a restart of the system too, as long
 * as that port is free: workers that were started on their own have it, and come back by themselves.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Guard } from "./guarded.mjs";
import { RedisStartError, startPrivateRedis } from "./private-redis.ts";
import type { PrivateRedis, PrivateRedisOptions } from "./private-redis.ts";
import { pauseBefore } from "./supervised-child.ts";

/** In the data folder: the port that it had last. */
const PORT_FILE = "port";

export interface KeptRedis {
  readonly url: string;
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/**
 * @param options.onHopeless called when the server cannot come back by trying again (its data is damaged)
 * @throws RedisStartError if it does not start the first time
 */
export async function keepRedis(
  options: Omit<PrivateRedisOptions, "onSpawn" | "env"> & {
    readonly guard: Guard;
    readonly env: NodeJS.ProcessEnv;
    readonly say: (line: string) => void;
    readonly onHopeless: (error: RedisStartError) => void;
  },
): Promise<KeptRedis> {
  const { guard, say, onHopeless, ...rest } = options;
  const stopping = new AbortController();
  const start = (port?: number): Promise<PrivateRedis> =>
    startPrivateRedis({
      ...rest,
      ...(port === undefined ? {} : { port }),
      env: { ...rest.env, ...guard.mark },
      onSpawn: (pid) => guard.watch(pid, { last: true }),
    });

  let running: PrivateRedis | null = await startWhereItWas(options.dataDir, options.port, start, say);
  const { url, port } = running;
  writeFileSync(join(options.dataDir, PORT_FILE), `${port}\n`);
  const keep = async (): Promise<void> => {
    for (let failures = 0; ;) {
      if (running !== null) {
        await running.exited;
        guard.forget(running.pid);
        running = null;
        if (stopping.signal.aborted) return;
        say("Redis ended; it is started again on its data.");
      }
      try {
        running = await start(port);
        failures = 0;
      } catch (error) {
        if (error instanceof RedisStartError && error.code === "damaged_append_only_file") {
          onHopeless(error);
          return;
        }
        failures += 1;
        say(`Redis does not start: ${error instanceof Error ? error.message : String(error)}`);
      }
      await delay(pauseBefore(failures), undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted && running === null) return;
    }
  };
  const life = keep();
  return {
    url,
    stop: async ({ graceMs }) => {
      stopping.abort();
      await running?.stop({ graceMs });
      await life;
    },
  };
}

/** On `wanted`, else on the port it had, else, saying so, on another one. */
async function startWhereItWas(
  dataDir: string,
  wanted: number | undefined,
  start: (port?: number) => Promise<PrivateRedis>,
  say: (line: string) => void,
): Promise<PrivateRedis> {
  const former = wanted === undefined ? portIn(dataDir) : null;
  if (former === null) return start(wanted);
  try {
    return await start(former);
  } catch (error) {
    if (!(error instanceof RedisStartError) || error.code !== "port_taken") throw error;
    const redis = await start();
    say(`Port ${former}, which Redis had, is taken: it has ${redis.port} now. Start anew what was started by itself.`);
    return redis;
  }
}

function portIn(dataDir: string): number | null {
  try {
    const port = Number(readFileSync(join(dataDir, PORT_FILE), "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
  } catch {
    return null;
  }
}
