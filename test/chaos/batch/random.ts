import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { canCompile } from "../../support/faults/compiled.ts";
import { FailingDisk } from "../../support/faults/failing-disk.ts";
import { JumpingClocks } from "../../support/faults/jumping-clock.ts";
import { filesLeft, keysLeft, processesLeft, workLeft } from "../../support/faults/leavings.ts";
import { Machine } from "../../support/faults/machines.ts";
import { MixedLoad } from "../../support/faults/mixed-load.ts";
import { REPERTOIRE, type Cast } from "../../support/faults/repertoire.ts";
import { expectationsOn, verdictOn } from "../../support/faults/verdict.ts";
import { Fleet } from "../../support/fleet.ts";
import { countAtMost, type Finding, type RunOptions, type Scenario } from "../../support/scenario.ts";
import { seeded } from "../../support/seeded.ts";

/** Of the file system that the store lies on. */
const MEGABYTES = 400;
/** Hands that strike, each on its own. */
const HANDS = 2;
/** Deleted files may be named by what Redis is set back to for so long, and not longer. */
const GARBAGE_DELAY_MS = 60_000;
/** Long enough for two rounds of retention. */
const FORGOTTEN_WITHIN_MS = 180_000;
const AT_ONCE = { finalRecordTtlMs: 1_000, finalCheckpointTtlMs: 500 };

/**
 * Everything at once, for as long as is wanted: `CHAOS_MINUTES` (default 4, in the short form a quarter) of every fault
 * there is, two at a time, against a mixed load. `CHAOS_SEED` chooses faults, load and orders; what they meet is the
 * machine's. `CHAOS_FAULTS=name,…` strikes with these alone.
 */
export const random: Scenario = {
  name: "random",
  title: "all faults, two at a time, in an order that a seed gives, against jobs, arrays, graphs, programs and orders",
  run: async (options) => {
    const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
    options.say(`CHAOS_SEED=${seed}`);
    const storeDisk = mountDisk();
    const work = mkdtempSync(join(tmpdir(), "cairn-random-"));
    const settings = {
      CAIRN_ONLINE_SLOTS: "0",
      CAIRN_PROGRAMS: resolve("test/support/programs/programs.yaml"),
      CAIRN_GARBAGE_DELAY_MS: String(GARBAGE_DELAY_MS),
      ...(storeDisk === null ? {} : { CAIRN_STORE: `file:${storeDisk}/store` }),
    };
    const fleet = await Fleet.start({ workers: 0, settings });
    try {
      return await play(fleet, { seed, storeDisk, work }, options);
    } finally {
      await fleet.stop();
      if (storeDisk !== null) execFileSync("umount", ["-l", storeDisk]);
      for (const folder of [storeDisk, work]) if (folder !== null) rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Place {
  readonly seed: number;
  readonly storeDisk: string | null;
  readonly work: string;
}

async function play(fleet: Fleet, { seed, storeDisk, work }: Place, { short, say }: RunOptions): Promise<Finding> {
  const preloaded = canCompile()
    ? { disk: new FailingDisk(storeDisk ?? fleet.folder), clocks: new JumpingClocks() }
    : null;
  const disk = preloaded?.disk ?? null;
  const machines = await Promise.all(["m1", "m2", "m3"].map((name) => Machine.start(fleet, name, preloaded)));
  let second = await fleet.addApi();
  let clients = [fleet.client, second.client];
  const load = new MixedLoad({ clients: () => clients, random: seeded(seed), say, programs: "programs" });
  const cast: Cast = {
    ...{ fleet, load, machines, disk, storeDisk, copies: join(work, "copy"), random: seeded(seed + 1) },
    ...{ redisStruck: false, apiStruck: false, diskStruck: false, damaged: new Set() },
    killApi: async () => {
      clients = [fleet.client];
      second.child.kill("SIGKILL");
      second = await fleet.addApi();
      clients = [fleet.client, second.client];
    },
  };
  const minutes = Number(process.env["CHAOS_MINUTES"] ?? "4") / (short ? 4 : 1);
  const endMs = performance.now() + minutes * 60_000;
  const loading = load.run();
  const struck = await Promise.all(
    Array.from({ length: HANDS }, (_, hand) => strikeUntil(endMs, cast, seeded(seed + 2 + hand), say)),
  );
  load.close();
  await loading;
  await load.resumeAll();
  const verdict = await verdictOn(fleet, load.tracked).catch(async (error: unknown) => {
    await tellStanding(fleet, say);
    throw error;
  });
  for (const [list, found] of Object.entries(verdict)) {
    if (list !== "jobs" && list !== "attempts") for (const one of found) say(`${list}: ${JSON.stringify(one)}`);
  }
  for (const one of load.surprises) say(`surprise: ${one}`);
  const left = await whatIsLeft(fleet, machines, say);
  const failed = disk?.failed ?? 0;
  disk?.remove();
  preloaded?.clocks.remove();
  const faults = new Map<string, number>();
  for (const name of struck.flat()) faults.set(name, (faults.get(name) ?? 0) + 1);
  return {
    measured: {
      faults: [...faults].map(([name, n]) => `${n} ${name}`).join(", "),
      jobs: verdict.jobs.length,
      orders: load.orders,
      attempts: verdict.attempts.length,
      "stale writes refused": verdict.jobs.reduce((sum, job) => sum + job.staleWritesRefused, 0),
      "calls of the disk that failed": failed,
    },
    expectations: [
      ...expectationsOn(verdict),
      countAtMost("answers that should not be", load.surprises.length, 0),
      ...Object.entries(left).map(([what, found]) => countAtMost(`${what} left when all is forgotten`, found, 0)),
    ],
  };
}

/** @returns the faults that struck, by name */
async function strikeUntil(
  endMs: number,
  cast: Cast,
  draw: () => number,
  say: RunOptions["say"],
): Promise<readonly string[]> {
  const only = process.env["CHAOS_FAULTS"]?.split(",");
  const faults = Object.entries(REPERTOIRE).filter(([name]) => only?.includes(name) ?? true);
  const struck: string[] = [];
  for (;;) {
    const pauseMs = -Math.log(1 - draw()) * 2_000;
    if (performance.now() + pauseMs > endMs) return struck;
    await delay(pauseMs);
    const [name, fault] = faults[Math.floor(draw() * faults.length)] ?? [];
    if (name === undefined || fault === undefined) throw new Error("CHAOS_FAULTS names no fault");
    const did = await fault(cast);
    if (did === null) continue;
    struck.push(name);
    say(did);
  }
}

/** For whoever looks why nothing happens any more. */
async function tellStanding(fleet: Fleet, say: RunOptions["say"]): Promise<void> {
  for await (const { id, state, reason, slots, pids } of fleet.client.workers()) {
    say(
      `worker ${id}: ${state} ${reason ?? ""}, batch ${slots.batch.used}/${slots.batch.total}, ${JSON.stringify(pids)}`,
    );
  }
  for await (const job of fleet.client.jobs({
    state: ["queued", "scheduled", "blocked", "running", "stopping", "stopped"],
  })) {
    const { id, task, state, reason, worker, attempts } = job;
    say(`job ${id} (${task}): ${state} ${reason ?? ""} on ${worker ?? "none"}, attempt ${attempts}`);
  }
}

/** Ends the workers and has everything forgotten. @returns what is there all the same, counted */
async function whatIsLeft(
  fleet: Fleet,
  machines: readonly Machine[],
  say: RunOptions["say"],
): Promise<Readonly<Record<string, number>>> {
  await Promise.all(machines.map(({ workerId }) => fleet.leave(workerId)));
  for (const machine of machines) await machine.close();
  const work = workLeft(fleet);
  await fleet.stopApis();
  const settings = { CAIRN_LIMITS: JSON.stringify(AT_ONCE), CAIRN_GARBAGE_DELAY_MS: "0" };
  await fleet.addApi(settings);
  const look = async (): Promise<{ readonly keys: string[]; readonly files: string[] }> => ({
    keys: await keysLeft(fleet),
    files: filesLeft(fleet),
  });
  await eventually(
    "all is forgotten",
    async () => {
      const { keys, files } = await look();
      return keys.length + files.length === 0 ? true : null;
    },
    { withinMs: FORGOTTEN_WITHIN_MS },
  ).catch(() => undefined);
  const { keys, files } = await look();
  await fleet.stopApis();
  const processes = processesLeft(fleet, [fleet.redis.pid]);
  for (const one of [...keys.slice(0, 40), ...files.slice(0, 40), ...work, ...processes]) say(`left: ${one}`);
  return { keys: keys.length, files: files.length, "working folders": work.length, processes: processes.length };
}

/** A small file system in memory; null: only root can mount one. */
function mountDisk(): string | null {
  if (process.getuid?.() !== 0) return null;
  const disk = mkdtempSync(join(tmpdir(), "cairn-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${MEGABYTES}m`, "tmpfs", disk]);
  return disk;
}
