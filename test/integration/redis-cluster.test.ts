/** What a client of a Cluster lives through while slots move. */
import { Redis, type Cluster } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeRedis, connectRedis, whenReady, type RedisClient } from "../../src/redis/connection.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisCluster, type TestRedisCluster } from "../support/redis-cluster.ts";

const KEY = "moves";
const reads = (client: RedisClient): Promise<boolean> =>
  client.get(KEY).then(
    () => true,
    () => false,
  );

describe("a client of a Cluster", () => {
  let cluster: TestRedisCluster;
  let nodes: Redis[];
  beforeAll(async () => {
    cluster = await startRedisCluster();
    nodes = cluster.primaries.map(({ port }) => new Redis(port, "127.0.0.1"));
  });
  afterAll(async () => {
    for (const node of nodes) node.disconnect();
    await cluster.stop();
  });

  /** Gives the slot of KEY to another node. */
  const move = async (): Promise<void> => {
    const slot = await nodes[0]!.cluster("KEYSLOT", KEY);
    const owners = await Promise.all(nodes.map((node) => reads(node)));
    const to = nodes[(owners.indexOf(true) + 1) % nodes.length]!;
    const id = await to.cluster("MYID");
    for (const node of [to, ...nodes]) await node.cluster("SETSLOT", slot, "NODE", id);
  };

  it("comes back when it hears that a slot has moved while it reconnects", async () => {
    const client = connectRedis(cluster.url, { kind: "online" }, "test") as Cluster;
    try {
      await whenReady(client, cluster.url, 10_000);
      await eventually("it reads", () => reads(client));
      await move();
      const answer = client.get(KEY); // On its way to the former owner.
      client.disconnect(true);
      await expect(answer).rejects.toThrow();
      await eventually("it reads again", () => reads(client));
    } finally {
      closeRedis(client);
    }
  });
});
