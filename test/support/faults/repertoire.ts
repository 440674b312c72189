/**
 * Every fault of a random run. Each takes what it strikes (a machine, Redis, the second API) for itself, so that two at
 * a time never undo each other, and leaves it whole.
 */
import { cpSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { mayPass } from "../../../src/client/fault.ts";
import type { Job } from "../../../src/contract/job.ts";
import type { Fleet } from "../fleet.ts";
import { damageNewest } from "./damage.ts";
import type { FailingDisk } from "./failing-disk.ts";
import type { Machine } from "./machines.ts";
import type { MixedLoad } from "./mixed-load.ts";
import { copyData, growingFile, logRewritten } from "./redis-data.ts";

export interface Cast {
  readonly fleet: Fleet;
  readonly load: MixedLoad;
  readonly machines: readonly Machine[];
  readonly disk: FailingDisk | null;
  /** A small file system that the store is on; null: it is not. */
  readonly storeDisk: string | null;
  /** Where copies of Redis' data may lie. */
  readonly copies: string;
  readonly random: () => number;
  /** Strikes Redis alone. */
  redisStruck: boolean;
  /** The second API is struck. */
  apiStruck: boolean;
  diskStruck: boolean;
  readonly killApi: () => Promise<void>;
  /** Checkpoints of these were damaged: once is enough, for each keeps two. */
  readonly damaged: Set<string>;
}

/** @returns what was done; null: nothing could be */
export type Fault = (cast: Cast) => Promise<string | null>;

const between = ({ random }: Cast, low: number, high: number): number => low + random() * (high - low);
const pick = <T>({ random }: Cast, items: readonly T[]): T | null => items[Math.floor(random() * items.length)] ?? null;
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
/** Once a second the append-only file is on the disk. */
const FLUSHED_MS = 1_100;

/** With a machine that nothing else is at work on. */
const onMachine =
  (strike: (cast: Cast, machine: Machine) => Promise<string | null>): Fault =>
  async (cast) => {
    const machine = pick(
      cast,
      cast.machines.filter(({ struck }) => !struck),
    );
    if (machine === null) return null;
    machine.struck = true;
    try {
      return await strike(cast, machine);
    } finally {
      machine.struck = false;
    }
  };

/** While Redis is not struck by another; @param memory whether it may forget what it has acknowledged (ML2) */
const onRedis =
  (memory: "keeps" | "forgets", strike: (cast: Cast) => Promise<string>): Fault =>
  async (cast) => {
    if (cast.redisStruck) return null;
    cast.redisStruck = true;
    const letGo = memory === "forgets" ? await cast.load.hold() : () => undefined;
    try {
      if (memory === "forgets") await delay(FLUSHED_MS);
      return await strike(cast);
    } finally {
      cast.redisStruck = false;
      letGo();
    }
  };

const KINDS = ["agent", "keepers", "runners", "all"] as const;

const kill = onMachine(async (cast, machine) => {
  const kind = pick(cast, KINDS) ?? "all";
  const as = cast.random() < 0.5 ? "same" : "another";
  const killed = await cast.fleet.signal(machine.workerId, "SIGKILL", ...(kind === "all" ? [] : [kind]));
  if (kind === "agent" || kind === "all") await machine.restart(as);
  return `SIGKILL to ${kind} on ${machine.name} (${killed.length} processes)`;
});

async function freeze(cast: Cast, machine: Machine, during: () => Promise<unknown>): Promise<string> {
  const kind = pick(cast, KINDS) ?? "all";
  const frozen = await cast.fleet.signal(machine.workerId, "SIGSTOP", ...(kind === "all" ? [] : [kind]));
  const begin = performance.now();
  await during();
  for (const pid of frozen) {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It was ended meanwhile.
    }
  }
  return `SIGSTOP to ${kind} on ${machine.name} for ${seconds(performance.now() - begin)}`;
}

const freezeSome = onMachine((cast, machine) => freeze(cast, machine, () => delay(between(cast, 500, 7_500))));

const freezeAndRestartRedis = onMachine(async (cast, machine) => {
  const also: (string | null)[] = [];
  const frozen = await freeze(cast, machine, async () => {
    await delay(between(cast, 0, 3_000));
    also.push(await restartRedis(cast));
    await delay(between(cast, 0, 3_000));
  });
  return [frozen, ...also].join(", and ");
});

const restartRedis = onRedis("forgets", async (cast) => {
  const ms = between(cast, 100, 3_000);
  await cast.fleet.redis.kill();
  await delay(ms);
  await cast.fleet.redis.restart();
  return `Redis was killed and away for ${seconds(ms)}`;
});

const pauseRedis = onRedis("keeps", async (cast) => {
  const ms = between(cast, 500, 6_000);
  cast.fleet.redis.pause();
  await delay(ms);
  cast.fleet.redis.resume();
  return `Redis was frozen for ${seconds(ms)}`;
});

/** What a power failure leaves: the end of the append-only file is missing, in the middle of a write. */
const cutRedis = onRedis("forgets", async (cast) => {
  const { redis } = cast.fleet;
  const path = growingFile(redis.dataDir);
  // Of what came before then nothing may be missing (ML2).
  const since = statSync(path).size;
  await delay(between(cast, 500, 4_000));
  await redis.kill();
  const { size } = statSync(path);
  const left = Math.floor(between(cast, Math.min(since, size), size));
  truncateSync(path, left);
  await redis.restart();
  await logRewritten(redis.dataDir, path);
  return `the last ${size - left} bytes of the append-only file are gone`;
});

const setBackRedis = onRedis("forgets", async (cast) => {
  const { redis } = cast.fleet;
  await copyData(redis.dataDir, cast.copies);
  const ms = between(cast, 500, 12_000);
  // A worker that is lost meanwhile gives its jobs to others: owners that the old data does not know of.
  const crashed = cast.random() < 0.5 ? crash(cast) : null;
  await delay(ms);
  await redis.kill();
  rmSync(redis.dataDir, { recursive: true, force: true });
  cpSync(cast.copies, redis.dataDir, { recursive: true });
  await redis.restart();
  const also = await crashed;
  return `Redis is set back by ${seconds(ms)}${also === null ? "" : `, and ${also}`}`;
});

const crash = onMachine(async (cast, machine) => {
  await machine.crash(cast.random() < 0.5 ? "same" : "another");
  return `${machine.name} crashed`;
});

const partition = onMachine(async (cast, machine) => {
  const direction = pick(cast, ["both", "to", "from"] as const) ?? "both";
  const ms = between(cast, 500, 8_000);
  machine.network.swallow(direction);
  await delay(ms);
  machine.network.pass();
  return `nothing passed (${direction}) between ${machine.name} and Redis for ${seconds(ms)}`;
});

const jump = onMachine(async (cast, machine) => {
  const by = Math.round(between(cast, -3_600, 3_600));
  if (!machine.setClock(by)) return null;
  await delay(between(cast, 500, 5_000));
  return `the clock of ${machine.name} is off by ${by} s`;
});

const killApi: Fault = async (cast) => {
  if (cast.apiStruck) return null;
  cast.apiStruck = true;
  try {
    if (cast.random() < 0.5) {
      cast.fleet.killServing(cast.fleet.apiPid);
      return "SIGKILL to the serving process of the first API";
    }
    await cast.killApi();
    return "SIGKILL to the second API";
  } finally {
    cast.apiStruck = false;
  }
};

/** While the disk is not struck by another. */
const onDisk =
  (strike: (cast: Cast) => Promise<string | null>): Fault =>
  async (cast) => {
    if (cast.diskStruck) return null;
    cast.diskStruck = true;
    try {
      return await strike(cast);
    } finally {
      cast.diskStruck = false;
    }
  };

const failDisk = onDisk(async (cast) => {
  if (cast.disk === null) return null;
  const error = pick(cast, ["EIO", "ENOSPC", "EROFS"] as const) ?? "EIO";
  const permille = pick(cast, [5, 50, 300, 1_000]) ?? 1_000;
  const reads = cast.random() < 0.3 ? "reads too" : "writes";
  const ms = between(cast, 500, 4_000);
  const before = cast.disk.failed;
  cast.disk.fail(error, permille, reads);
  await delay(ms);
  cast.disk.heal();
  return `${permille} of 1000 ${reads} failed with ${error} for ${seconds(ms)}: ${cast.disk.failed - before}`;
});

const fillDisk = onDisk(async (cast) => {
  if (cast.storeDisk === null) return null;
  const ms = between(cast, 500, 4_000);
  fill(join(cast.storeDisk, "filler"));
  await delay(ms);
  rmSync(join(cast.storeDisk, "filler"), { force: true });
  return `the store's disk was full for ${seconds(ms)}`;
});

/** All that is free, however much that is. */
export function fill(path: string): void {
  for (const piece of [1_048_576, 65_536, 4_096]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(piece), { flag: "a" });
    } catch {
      // So much does not fit any more.
    }
  }
}

/** @returns null: nobody answers, for the other hand has struck Redis or the API */
async function unlessAway<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (mayPass(error)) return null;
    throw error;
  }
}

const runningOn = ({ fleet }: Cast, { workerId }: Machine): Promise<readonly Job[] | null> =>
  unlessAway(async () => (await fleet.client.jobPage({ state: ["running"], worker: workerId })).items);

const damage = onMachine(async (cast, machine) => {
  const running = (await runningOn(cast, machine)) ?? [];
  const job = pick(
    cast,
    running.filter(
      ({ id, checkpoint, forkOf }) => (checkpoint?.seq ?? 0) >= 3 && !cast.damaged.has(id) && forkOf === null,
    ),
  );
  if (job === null) return null;
  cast.damaged.add(job.id);
  await cast.fleet.signal(machine.workerId, "SIGKILL");
  const did = damageNewest(join(cast.fleet.storeFolder, "jobs", job.id, "objects"), cast.random);
  await machine.restart("another");
  return `${machine.name} crashed, and of a job there ${did}`;
});

/** Its job goes to another worker, which is killed as soon as it has it: while it restores. */
const killWhileRestoring = onMachine(async (cast, machine) => {
  const [job] = (await runningOn(cast, machine)) ?? [];
  if (job === undefined) return null;
  await machine.crash("another");
  for (let look = 0; look < 400; look += 1) {
    const now = await unlessAway(() => cast.fleet.client.job(job.id));
    if (now?.state === "succeeded") return null;
    if (now?.state === "running" && now.attempts > job.attempts && now.worker !== null) {
      const killed = await cast.fleet.signal(now.worker, "SIGKILL", "keepers");
      return `${machine.name} crashed, and ${killed.length} keepers of ${now.worker} while they restored`;
    }
    await delay(20);
  }
  return `${machine.name} crashed`;
});

/** One is drained, and two others are lost meanwhile. */
const loseTwoInDrain: Fault = async (cast) => {
  const [drained, ...lost] = cast.machines.filter(({ struck }) => !struck);
  if (drained === undefined || lost.length < 2) return null;
  for (const machine of [drained, ...lost]) machine.struck = true;
  try {
    const left = cast.fleet.leave(drained.workerId);
    await delay(between(cast, 0, 300));
    await Promise.all(lost.map((machine) => machine.crash("another")));
    await left;
    await drained.restart("same");
    return `${drained.name} was drained, and ${lost.length} others crashed meanwhile`;
  } finally {
    for (const machine of [drained, ...lost]) machine.struck = false;
  }
};

export const REPERTOIRE: Readonly<Record<string, Fault>> = {
  kill,
  freeze: freezeSome,
  "freeze-and-restart-redis": freezeAndRestartRedis,
  "restart-redis": restartRedis,
  "pause-redis": pauseRedis,
  "set-back-redis": setBackRedis,
  "cut-redis": cutRedis,
  partition,
  jump,
  "kill-api": killApi,
  "fail-disk": failDisk,
  "fill-disk": fillDisk,
  damage,
  "kill-while-restoring": killWhileRestoring,
  "lose-two-in-drain": loseTwoInDrain,
};
