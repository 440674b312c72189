import { Cluster, Redis } from "ioredis";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Guard } from "../../src/launch/guarded.mjs";
import { keepRedis, type KeptRedis } from "../../src/launch/kept-redis.ts";
import { requireRedis } from "../../src/launch/find-redis.mjs";
import { RedisStartError, startPrivateRedis } from "../../src/launch/private-redis.ts";
import type { PrivateRedis } from "../../src/launch/private-redis.ts";
import { identify } from "../../src/launch/process-identity.mjs";
import { startRedis } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "cairn-launch-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function start(dataDir: string): Promise<PrivateRedis> {
  const redis = await startPrivateRedis({ server: requireRedis(), dataDir });
  cleanups.push(() => redis.stop());
  return redis;
}

function connect(url: string): Redis {
  const client = new Redis(url);
  client.on("error", () => undefined);
  cleanups.push(() => client.disconnect());
  return client;
}

describe("the Redis of a local system", () => {
  const said: string[] = [];
  const keep = async (dataDir: string): Promise<KeptRedis> => {
    const guard: Guard = {
      mark: { CAIRN_RUN: "test" },
      pid: () => undefined,
      watch: () => undefined,
      forget: () => undefined,
      close: () => Promise.resolve(),
    };
    const say = (line: string): void => void said.push(line);
    const onHopeless = (error: Error): void => void said.push(error.message);
    const redis = await keepRedis({ server: requireRedis(), dataDir, guard, env: process.env, say, onHopeless });
    cleanups.push(() => redis.stop({ graceMs: 5_000 }));
    return redis;
  };

  it("has the port that it had, so that workers started by themselves come back; another if that is taken", async () => {
    const dataDir = folder();
    const first = await keep(dataDir);
    await first.stop({ graceMs: 5_000 });
    const second = await keep(dataDir);
    expect(second.url).toBe(first.url);
    await second.stop({ graceMs: 5_000 });
    const { port } = new URL(first.url);
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(Number(port), "127.0.0.1", resolve));
    cleanups.push(() => new Promise<void>((resolve) => other.close(() => resolve())));
    expect(said).toEqual([]);
    expect((await keep(dataDir)).url).not.toBe(first.url);
    expect(said).toEqual([expect.stringContaining(`Port ${port}, which Redis had, is taken`)]);
  });
});

describe("the private Redis", () => {
  it("keeps what was written through stop and start, with the settings that Cairn needs", async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    const client = connect(first.url);
    expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    expect(await client.config("GET", "append*")).toEqual(
      expect.arrayContaining(["appendonly", "yes", "appendfsync", "everysec"]),
    );
    expect(await client.config("GET", "bind")).toEqual(["bind", "127.0.0.1"]);
    await client.set("kept", "yes");
    await first.stop();
    expect(identify(first.pid)).toBeNull();

    const second = await start(dataDir);
    expect(await connect(second.url).get("kept")).toBe("yes");
  });

  it("stands in a process group of its own, so that a Ctrl-C at the terminal does not reach it", async () => {
    const redis = await start(folder());
    expect(identify(redis.pid)?.processGroup).toBe(redis.pid);
  });

  it("refuses a data folder that another one uses", async () => {
    const dataDir = folder();
    await start(dataDir);
    await expect(start(dataDir)).rejects.toMatchObject({ code: "folder_in_use" });
  });

  it("tells of a port that is taken, even if a Redis answers there", async () => {
    const redis = await start(folder());
    const other = startPrivateRedis({ server: requireRedis(), dataDir: folder(), port: redis.port });
    await expect(other).rejects.toMatchObject({ code: "port_taken" });
  });

  it("says what to do when its append-only file is damaged", async () => {
    const dataDir = folder();
    const redis = await start(dataDir);
    const client = connect(redis.url);
    for (let n = 0; n < 100; n++) await client.set(`key-${n}`, "a value of some length");
    await redis.stop();
    const log = readdirSync(join(dataDir, "appendonlydir")).find((name) => name.endsWith(".incr.aof")) ?? "";
    const path = join(dataDir, "appendonlydir", log);
    const bytes = readFileSync(path);
    bytes.fill(0x21, 1_000, 1_100);
    writeFileSync(path, bytes);

    const error: unknown = await start(dataDir).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RedisStartError);
    expect(error).toMatchObject({ code: "damaged_append_only_file" });
    expect(String(error)).toContain(`redis-check-aof --fix ${join(dataDir, "appendonlydir")}`);
  });
});

describe("the Redis of the tests", () => {
  it("is frozen, goes on, is killed and comes back with its data on the same port", async () => {
    const redis = await startRedis();
    cleanups.push(() => redis.stop());
    expect(redis.port).not.toBe(6379);
    const client = connect(redis.url);
    await client.set("kept", "yes");
    await client.config("SET", "appendfsync", "always");
    await client.set("also", "yes");

    redis.pause();
    const ping = client.ping();
    redis.resume();
    expect(await ping).toBe("PONG");

    const before = redis.pid;
    await redis.kill();
    expect(identify(before)).toBeNull();
    await redis.restart();
    expect(redis.pid).not.toBe(before);
    expect(await connect(redis.url).mget("kept", "also")).toEqual(["yes", "yes"]);
  });

  it("is, as a Cluster, three primaries that hold all slots", async () => {
    const cluster = await startRedisCluster();
    cleanups.push(() => cluster.stop());
    const client = new Cluster([...cluster.nodes]);
    cleanups.push(() => client.disconnect());
    for (let n = 0; n < 30; n++) await client.set(`key-${n}`, n);
    expect(await client.get("key-17")).toBe("17");
    expect(client.nodes("master")).toHaveLength(3);
    await expect(client.mget("key-1", "key-2", "key-3")).rejects.toThrow("CROSSSLOT");
  });
});
