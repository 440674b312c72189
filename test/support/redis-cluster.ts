/** A real Redis Cluster for a test: three primaries that share the slots, no replicas, all on loopback. */
import { Redis } from "ioredis";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { startRedis } from "./redis.ts";
import type { TestRedis } from "./redis.ts";

const SLOTS = 16_384;
const READY_MS = 20_000;
/** Below 55,536, the highest a Cluster node takes, and below the ports that the system gives to outgoing connections. */
const PORTS = { from: 20_000, to: 32_000 };

/** Until the Cluster stands: a node counts itself in only after this time without a partition (at most 5 s). */
const FORMING_TIMEOUT_MS = 500;
/** From then on: a node that a busy machine held up for some seconds has not failed. */
const NODE_TIMEOUT_MS = 15_000;

export interface TestRedisCluster {
  /** For `new Cluster(nodes)`. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly url: string;
  readonly primaries: readonly TestRedis[];
  stop(): Promise<void>;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

async function pickPort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (await isFree(port)) return port;
  }
}

async function startNode(): Promise<TestRedis & { readonly busPort: number }> {
  for (let attempt = 1; ; attempt++) {
    const [port, busPort] = [await pickPort(), await pickPort()];
    const args = [
      ...["--cluster-enabled", "yes", "--cluster-port", String(busPort)],
      ...["--cluster-node-timeout", String(FORMING_TIMEOUT_MS)],
    ];
    try {
      return Object.assign(await startRedis({ args, port }), { busPort });
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

async function join(primaries: readonly (TestRedis & { readonly busPort: number })[]): Promise<void> {
  const clients = primaries.map(({ port }) => new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 1 }));
  try {
    const perNode = Math.ceil(SLOTS / clients.length);
    for (const [index, client] of clients.entries()) {
      const first = index * perNode;
      await client.call("CLUSTER", "ADDSLOTSRANGE", first, Math.min(first + perNode, SLOTS) - 1);
      await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    }
    for (const client of clients) {
      for (const { port, busPort } of primaries) await client.call("CLUSTER", "MEET", "127.0.0.1", port, busPort);
    }
    const begin = performance.now();
    for (;;) {
      const infos = await Promise.all(clients.map(async (client) => String(await client.call("CLUSTER", "INFO"))));
      const whole = (info: string): boolean =>
        info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${primaries.length}`);
      if (infos.every(whole)) break;
      if (performance.now() - begin > READY_MS) throw new Error(`The Cluster did not form:\n${infos.join("\n")}`);
      await delay(50);
    }
  } finally {
    for (const client of clients) client.disconnect();
  }
  await Promise.all(primaries.map((node) => calm(node)));
}

/** Makes a node patient. */
async function calm({ port }: TestRedis): Promise<void> {
  const client = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 1 });
  try {
    await client.config("SET", "cluster-node-timeout", NODE_TIMEOUT_MS);
  } finally {
    client.disconnect();
  }
}

/** A node that is as patient after a restart as before it. */
function staysCalm(node: TestRedis): TestRedis {
  return {
    ...node,
    get pid() {
      return node.pid;
    },
    restart: async () => {
      await node.restart();
      await calm(node);
    },
  };
}

export async function startRedisCluster({ primaries: count = 3 } = {}): Promise<TestRedisCluster> {
  const started = await Promise.allSettled(Array.from({ length: count }, () => startNode()));
  const primaries = started.filter((result) => result.status === "fulfilled").map((result) => result.value);
  const stop = async (): Promise<void> => {
    await Promise.all(primaries.map((node) => node.stop()));
  };
  try {
    const failed = started.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await join(primaries);
  } catch (error) {
    await stop();
    throw error;
  }
  const nodes = primaries.map(({ port }) => ({ host: "127.0.0.1", port }));
  return {
    nodes,
    url: `redis+cluster://${nodes.map(({ host, port }) => `${host}:${port}`).join(",")}`,
    primaries: primaries.map((node) => staysCalm(node)),
    stop,
  };
}
