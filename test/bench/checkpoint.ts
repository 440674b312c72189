/**
 * What a checkpoint of a large state costs from its freezing to its manifest, and back, against `dd` on the same disk
 * in the same run.
 *
 *   npm run bench -- checkpoint [MiB] [rounds] [--folder=…] [--json]
 *
 * A program's file is frozen (copied, linked as `replaced`, or reflinked where the filesystem can), hashed meanwhile as
 * its keeper does it (`copy-follower.ts`), stored under its hash in a store in a folder, synced, and named by a
 * manifest; then it is restored and verified. `dd` copies the same file with `conv=fsync`, and back without. What is left is the commit: one script in Redis. "Blocked" is the time that a
 * program would stand still: the freezing. Rounds take turns, the median counts. `--folder` chooses the disk.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import {
  CopyFollower,
  freezeFiles,
  openCheckpoint,
  openStore,
  writeCheckpoint,
  type FileToFreeze,
} from "../../src/checkpoints/checkpoints.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const args = process.argv.slice(2);
const [mib = 1_024, rounds = 3] = args.filter((argument) => !argument.startsWith("--")).map(Number);
const parent = args.find((argument) => argument.startsWith("--folder="))?.slice("--folder=".length) ?? tmpdir();

interface Figure {
  readonly name: string;
  readonly blockedMs: number;
  readonly totalMs: number;
  readonly restoreMs: number;
  /** Longest that the event loop did not turn, 99th percentile, ms. */
  readonly lagMs: number;
}

const root = await mkdtemp(join(parent, "cairn-bench-checkpoint-"));
try {
  const source = join(root, "program");
  await mkdir(source);
  await dd(["if=/dev/urandom", `of=${source}/state`, "bs=1M", `count=${mib}`, "conv=fsync"]);
  const figures: Figure[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    figures.push(await measureDd(source));
    for (const written of ["in_place", "replaced"] as const) figures.push(await measure(source, written, round));
  }
  report(figures);
} finally {
  await rm(root, { recursive: true, force: true });
}

async function measureDd(source: string): Promise<Figure> {
  const [copy, back] = [join(root, "copy"), join(root, "back")];
  const totalMs = await timeOf(() => dd([`if=${source}/state`, `of=${copy}`, "bs=1M", "conv=fsync"]));
  const restoreMs = await timeOf(() => dd([`if=${copy}`, `of=${back}`, "bs=1M"]));
  await settle([copy, back]);
  return { name: "dd", blockedMs: 0, totalMs, restoreMs, lagMs: 0 };
}

async function measure(source: string, written: FileToFreeze["written"], round: number): Promise<Figure> {
  const [into, back] = [join(root, "frozen"), join(root, "back")];
  const store = openStore(`file:${join(root, "store")}`);
  await mkdir(into);
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  const begin = performance.now();
  const files = [{ name: "state", written }];
  const follower = new CopyFollower();
  const freezing = await freezeFiles({
    ...{ source, files, into, clock: systemClock },
    onCopying: (copy) => follower.follow(copy),
  });
  if (freezing.kind === "changed") throw new Error(freezing.detail);
  const blockedMs = performance.now() - begin;
  const checkpoint = await writeCheckpoint(store, follower.handOver(freezing.frozen), {
    ...{ job: "bench", task: "bench", checkpointVersion: 1, seq: round, attempt: 1, parent: null, progress: null },
    ...{ fence: { generation: 1, counter: round, token: written.replace("_", "") }, artifacts: [], trial: 0 },
    createdAt: new Date().toISOString(),
  });
  const totalMs = performance.now() - begin;
  lag.disable();
  const restoreMs = await timeOf(async () => {
    const opening = await openCheckpoint(store, checkpoint.name, checkpoint.sha256);
    if (opening.kind !== "ok") throw new Error(opening.detail);
    await opening.checkpoint.restoreTo(back);
  });
  const how = freezing.frozen.files[0]?.how ?? "";
  await settle([into, back, join(root, "store")]);
  const name = `${written === "replaced" ? "replaced" : "in place"}, ${how}`;
  return { name, blockedMs, totalMs, restoreMs, lagMs: lag.percentile(99) / 1e6 };
}

/** What one left to be written must not slow the next down. */
async function settle(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true });
  await run("sync", ["-f", root]);
}

function report(figures: readonly Figure[]): void {
  const rows = [...new Set(figures.map(({ name }) => name))].map((name) => {
    const own = figures.filter((figure) => figure.name === name);
    const of = (field: Exclude<keyof Figure, "name">): number => Math.round(median(own.map((one) => one[field])));
    return { name, totalMs: of("totalMs"), blockedMs: of("blockedMs"), restoreMs: of("restoreMs"), lagMs: of("lagMs") };
  });
  if (args.includes("--json")) {
    console.log(JSON.stringify({ mib, rounds, rows }));
    return;
  }
  console.log(`${mib} MiB, median of ${rounds} rounds; in brackets: of what dd reaches`);
  const [base] = rows;
  for (const row of rows) {
    if (base === undefined || row === base) {
      console.log(`dd: in ${row.totalMs} ms, out ${row.restoreMs} ms`);
      continue;
    }
    const blocked = `blocked ${row.blockedMs} ms = ${Math.round((100 * row.blockedMs) / row.totalMs)}%`;
    const stored = `stored in ${row.totalMs} ms (${(base.totalMs / row.totalMs).toFixed(2)}), ${blocked}`;
    const restored = `restored in ${row.restoreMs} ms (${(base.restoreMs / row.restoreMs).toFixed(2)})`;
    console.log(`${row.name}: ${stored}, ${restored}, event loop p99 ${row.lagMs} ms`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

function dd(parts: readonly string[]): Promise<void> {
  return run("dd", [...parts, "status=none"]);
}

async function run(command: string, parts: readonly string[]): Promise<void> {
  const child = spawn(command, parts, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code ?? "a signal"}`);
}
