/**
 * A real Redis for a test: on a free port, with the append-only file on, in a folder of its own that goes with it.
 * Never the one of CAIRN_REDIS_URL, never port 6379.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireRedis } from "../../src/launch/find-redis.mjs";
import { startPrivateRedis } from "../../src/launch/private-redis.ts";

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Where it keeps what it has written. */
  readonly dataDir: string;
  /** Of the server that runs now: another one after `restart`. */
  readonly pid: number;
  /** Freezes the server (SIGSTOP): connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** Ends the server with SIGKILL. What was written stays in the append-only file. */
  kill(): Promise<void>;
  /** Starts a server on the same port and the same data, after `kill` or after a SIGTERM to the one that runs. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/**
 * @param options.args more settings for the server, each `--name value`
 * @param options.port a free one if absent
 */
export async function startRedis(
  options: {
    readonly args?: readonly string[];
    readonly port?: number;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<TestRedis> {
  const dataDir = mkdtempSync(join(tmpdir(), "cairn-redis-"));
  const server = requireRedis();
  const start = (port: number | undefined): ReturnType<typeof startPrivateRedis> =>
    startPrivateRedis({
      server,
      dataDir,
      args: ["--enable-debug-command", "local", ...(options.args ?? [])],
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
      ...(port === undefined ? {} : { port }),
    });
  let running = await start(options.port);
  const { url, port } = running;
  const kill = async (): Promise<void> => {
    signal("SIGKILL");
    await running.exited;
  };
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(running.pid, name);
    } catch {
      // It is gone already.
    }
  };
  return {
    url,
    port,
    dataDir,
    get pid() {
      return running.pid;
    },
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    kill,
    restart: async () => {
      await running.stop();
      running = await start(port);
    },
    stop: async () => {
      signal("SIGCONT");
      await running.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
