import { Redis } from "ioredis";
import { setTimeout as delay } from "node:timers/promises";
import { familyOf, residentBytes } from "../../support/process-cpu.ts";
import { atMost, countAtMost } from "../../support/scenario.ts";
import { onStage, type Stage } from "../../support/stage.ts";

interface Size {
  readonly redisBytes: number;
  readonly keys: number;
  readonly connections: number;
  readonly apiBytes: number;
  readonly replicaBytes: number;
}

/** Nothing grows: memory, keys and connections are the same after a quarter and at the end. */
export const soak = onStage({
  name: "soak",
  title: "steady load for a long time, 10 minutes unless --repeat says how many",
  play: async (stage) => {
    const seconds = stage.short ? 16 : 60 * stage.times(10, 1);
    const begin = stage.load({ perSecond: 576, seconds: seconds / 4 });
    const first = await begin;
    const early = await sizeOf(stage);
    const load = await stage.load({ perSecond: 576, seconds: (3 * seconds) / 4 });
    const late = await sizeOf(stage);
    const growth = (pick: (size: Size) => number): number => (pick(late) / pick(early) - 1) * 100;
    return {
      measured: {
        ...load.measured(),
        "Redis, API, replicas at the end, MiB": [late.redisBytes, late.apiBytes, late.replicaBytes]
          .map((bytes) => (bytes / 2 ** 20).toFixed(1))
          .join(" / "),
        "keys, connections at the end": `${late.keys}, ${late.connections}`,
      },
      expectations: [
        countAtMost("failed", first.failed + load.failed, 0),
        countAtMost("more keys than after a quarter", late.keys - early.keys, 5),
        countAtMost("more connections", late.connections - early.connections, 0),
        // In 16 s a heap has not found its size.
        atMost(
          "Redis grows by",
          growth((size) => size.redisBytes),
          5,
          "%",
        ),
        atMost(
          "the API grows by",
          growth((size) => size.apiBytes),
          10,
          "%",
        ),
        atMost(
          "the replicas grow by",
          growth((size) => size.replicaBytes),
          10,
          "%",
        ),
      ],
    };
  },
});

async function sizeOf(stage: Stage): Promise<Size> {
  await delay(1_000);
  const admin = new Redis(stage.fleet.redis.url);
  try {
    const info = await admin.info();
    const field = (name: string): number => Number(new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1]);
    const replicas = await Promise.all(["w1", "w2", "w3"].map((id) => stage.replicaOf(id)));
    const resident = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
    return {
      redisBytes: field("used_memory"),
      keys: await admin.dbsize(),
      connections: field("connected_clients"),
      apiBytes: resident(familyOf(stage.fleet.apiPid)),
      replicaBytes: resident(replicas),
    };
  } finally {
    admin.disconnect();
  }
}
