/**
 * A Redis with a replica, watched by three Sentinels, all real processes on loopback. When the primary is killed the
 * Sentinels promote the replica; `restoreReplica` starts the killed server anew as a replica of the new primary.
 */
import { Redis } from "ioredis";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireRedis } from "../../src/launch/find-redis.mjs";
import { findFreePort } from "../../src/launch/private-redis.ts";
import { eventually } from "./eventually.ts";
import { startRedis, type TestRedis } from "./redis.ts";

const NAME = "cairn";
const SENTINELS = 3;
/** Silence after which a Sentinel holds the primary for down, ms. */
const DOWN_AFTER_MS = 1_000;

export interface SentinelRedis extends TestRedis {
  /** The server that takes writes now. */
  readonly primary: TestRedis;
  /** Ends the primary with SIGKILL; resolves when the other server is the primary. @returns when, `performance.now()` */
  failOver(): Promise<number>;
  /** Brings the killed server back as a replica; resolves when it has all data and the Sentinels know it. */
  restoreReplica(): Promise<void>;
}

export async function startSentinelRedis(): Promise<SentinelRedis> {
  const folder = mkdtempSync(join(tmpdir(), "cairn-sentinel-"));
  const sentinels: ChildProcess[] = [];
  let primary = await startRedis();
  let replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(primary.port)] });
  const stop = async (): Promise<void> => {
    await Promise.all(
      sentinels.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }),
    );
    await Promise.all([primary.stop(), replica.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await inSync(replica);
    const ports = await Promise.all(Array.from({ length: SENTINELS }, () => findFreePort()));
    for (const port of ports) sentinels.push(startSentinel(folder, port, primary.port));
    for (const port of ports) await allKnown(port);
    return {
      ...{ ...primary, url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(",")}/${NAME}` },
      get primary() {
        return primary;
      },
      async failOver() {
        await primary.kill();
        await eventually("the replica is promoted", async () => (await roleOf(replica)) === "master" || null);
        const promotedAtMs = performance.now();
        [primary, replica] = [replica, primary];
        return promotedAtMs;
      },
      async restoreReplica() {
        const { port } = replica;
        await replica.stop();
        replica = await startRedis({ port, args: ["--replicaof", "127.0.0.1", String(primary.port)] });
        await inSync(replica);
        for (const sentinel of ports) await allKnown(sentinel);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startSentinel(folder: string, port: number, primaryPort: number): ChildProcess {
  const { command, argv0 } = requireRedis();
  const file = join(folder, `sentinel-${port}.conf`);
  writeFileSync(
    file,
    [
      ...[`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, "set-proc-title no"],
      `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} 2`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${NAME} 5000`,
      "",
    ].join("\n"),
  );
  return spawn(command, [file, "--sentinel"], { argv0, stdio: "ignore", detached: true });
}

/** The replica has all that the primary has. */
async function inSync(server: TestRedis): Promise<void> {
  await eventually("the replica is in step", async () =>
    (await ask(server.port, (client) => client.info("replication"))).includes("master_link_status:up"),
  );
}

/** The Sentinel knows the other Sentinels, the primary, and a replica that is well. */
async function allKnown(port: number): Promise<void> {
  await eventually(`the Sentinel at ${port} sees everybody`, async () => {
    const [primary, replicas] = await ask(port, (client) =>
      Promise.all([
        client.call("SENTINEL", "MASTER", NAME) as Promise<string[]>,
        client.call("SENTINEL", "REPLICAS", NAME) as Promise<string[][]>,
      ]),
    );
    const field = (row: readonly unknown[], name: string): unknown => row[row.indexOf(name) + 1];
    return (
      field(primary, "flags") === "master" &&
      field(primary, "num-other-sentinels") === String(SENTINELS - 1) &&
      replicas.some(
        (row) => Array.isArray(row) && field(row, "flags") === "slave" && field(row, "master-link-status") === "ok",
      )
    );
  });
}

async function roleOf(server: TestRedis): Promise<string> {
  const [role] = await ask(server.port, async (client) => (await client.call("ROLE")) as [string]);
  return role;
}

/** One question on a connection of its own. */
async function ask<Answer>(port: number, question: (client: Redis) => Promise<Answer>): Promise<Answer> {
  const client = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 1 });
  client.on("error", () => undefined);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}
