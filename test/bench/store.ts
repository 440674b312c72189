/**
 * How fast a large file goes into each checkpoint store and comes back, against `dd` on the same disk in the same run.
 *
 *   npm run bench -- store [MiB] [rounds] [--json]
 *
 * In: a file is stored, synced and hashed; `dd` copies it with `conv=fsync`. Out: it is read back into a file and
 * hashed; `dd` copies it. All servers are processes of their own. The S3 server is the one of the tests: what it costs is
 * its own hashing too, so its figures tell about our client, not about Amazon. Ratios of a round are comparable; what a
 * disk does in one minute and the next is not, so the median round counts. The processor time of client and servers
 * together tells what is left on a machine that does something else as well.
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hashFile, openStore, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { hashingCopy } from "../../src/checkpoints/hashing-copy.ts";
import { S3Server } from "../support/s3/server.ts";

const MIB = 1_048_576;
const [mode = "", ...rest] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

if (mode === "serve-s3") {
  const server = new S3Server({ folder: rest[0] ?? "" });
  await server.start();
  process.once("disconnect", () => process.exit(0));
  process.send?.({ kind: "ready", url: server.url("bench"), keys: server.keys });
} else {
  await bench(Number(mode || 256), Number(rest[0] ?? 3));
}

interface Kind {
  readonly name: string;
  readonly store: CheckpointStore;
  /** Its servers. */
  readonly pids: readonly number[];
}

interface Cost {
  readonly ms: number;
  /** Processor time of this process and of the servers, ms. */
  readonly cpuMs: number;
}

interface Figure {
  readonly name: string;
  readonly in: Cost;
  readonly out: Cost;
}

async function bench(mib: number, rounds: number): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "cairn-bench-store-"));
  const children: ChildProcess[] = [];
  try {
    const source = join(root, "source");
    await dd([`if=/dev/urandom`, `of=${source}`, "bs=1M", `count=${mib}`, "conv=fsync"]);
    const { sha256 } = await hashFile(source);
    const kinds = await openKinds(root, children);
    const figures: Figure[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      figures.push(await measureDd(root, source));
      for (const kind of kinds) figures.push(await measure(kind, { root, source, sha256, mib }));
    }
    report(figures, mib, rounds);
  } finally {
    for (const child of children) {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    }
    await rm(root, { recursive: true, force: true });
  }
}

async function openKinds(root: string, children: ChildProcess[]): Promise<Kind[]> {
  const start = async (entry: URL, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const child = fork(fileURLToPath(entry), args, {
      env: { PATH: process.env["PATH"], CAIRN_LOG_LEVEL: "warn", CAIRN_STORE_PORT: "0", ...env },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    children.push(child);
    const [ready] = (await once(child, "message")) as [{ readonly url: string; readonly keys: S3Server["keys"] }];
    return { ...ready, pid: child.pid ?? 0 };
  };
  const s3 = await start(new URL(import.meta.url), ["serve-s3", join(root, "bucket")]);
  const access = { s3: { ...s3.keys, sessionToken: null }, token: null };
  const main = new URL("../../api/store/main.js", import.meta.url);
  const overFolder = await start(main, [], { CAIRN_STORE: `file:${join(root, "offered")}` });
  const overS3 = await start(main, [], {
    CAIRN_STORE: s3.url,
    CAIRN_S3_ACCESS_KEY_ID: s3.keys.accessKeyId,
    CAIRN_S3_SECRET_ACCESS_KEY: s3.keys.secretAccessKey,
  });
  return [
    { name: "a folder", store: openStore(`file:${join(root, "folder")}`), pids: [] },
    { name: "S3", store: openStore(s3.url, access), pids: [s3.pid] },
    { name: "cairn store over a folder", store: openStore(overFolder.url), pids: [overFolder.pid] },
    { name: "cairn store over S3", store: openStore(overS3.url), pids: [overS3.pid, s3.pid] },
  ];
}

async function measureDd(root: string, source: string): Promise<Figure> {
  const copy = join(root, "copy");
  const back = join(root, "back");
  const into = await costOf([], () => dd([`if=${source}`, `of=${copy}`, "bs=1M", "conv=fsync"]));
  const out = await costOf([], () => dd([`if=${copy}`, `of=${back}`, "bs=1M"]));
  await settle(root, [copy, back]);
  return { name: "dd", in: into, out };
}

async function measure(
  { name, store, pids }: Kind,
  { root, source, sha256, mib }: { readonly root: string; readonly source: string; sha256: string; mib: number },
): Promise<Figure> {
  const back = join(root, "back");
  const into = await costOf(pids, () => store.create("file", { file: source }, { sha256 }));
  const out = await costOf(pids, async () => {
    const content = await store.get("file");
    if (content === null) throw new Error(`${name}: what was stored is not there`);
    const target = await open(back, "wx");
    // As a checkpoint is restored.
    const restored = await hashingCopy({ pieces: content, bytes: mib * MIB, sha256 }, target);
    await target.close();
    if (restored.sha256 !== sha256) throw new Error(`${name}: came back different`);
  });
  await store.delete("file");
  await settle(root, [back]);
  return { name, in: into, out };
}

/** What one left to be written must not slow the next down. */
async function settle(root: string, files: readonly string[]): Promise<void> {
  for (const file of files) await rm(file, { force: true });
  await run("sync", ["-f", root]);
}

function report(figures: readonly Figure[], mib: number, rounds: number): void {
  const rows = [...new Set(figures.map(({ name }) => name))].map((name) => {
    const own = figures.filter((figure) => figure.name === name);
    return { name, in: rowOf(own, "in", mib), out: rowOf(own, "out", mib) };
  });
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ mib, rounds, rows }));
    return;
  }
  const [base] = rows;
  console.log(`${mib} MiB, median of ${rounds} rounds; in brackets: of what dd reaches, processor time for a GiB`);
  for (const row of rows) {
    const texts = (["in", "out"] as const).map((way) => {
      const { mibPerSecond, cpuMsPerGib } = row[way];
      const ratio = (mibPerSecond / (base?.[way].mibPerSecond ?? 1)).toFixed(2);
      return `${way} ${mibPerSecond} MiB/s (${ratio}${row === base ? "" : `, ${(cpuMsPerGib / 1_000).toFixed(1)} s`})`;
    });
    console.log(`${row.name}: ${texts.join(", ")}`);
  }
}

function rowOf(figures: readonly Figure[], way: "in" | "out", mib: number) {
  return {
    mibPerSecond: Math.round(mib / (median(figures.map((figure) => figure[way].ms)) / 1_000)),
    cpuMsPerGib: Math.round((median(figures.map((figure) => figure[way].cpuMs)) * 1_024) / mib),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function costOf(pids: readonly number[], work: () => Promise<unknown>): Promise<Cost> {
  const [own, others] = [process.cpuUsage(), cpuMsOf(pids)];
  const begin = performance.now();
  await work();
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(own);
  return { ms, cpuMs: (user + system) / 1_000 + cpuMsOf(pids) - others };
}

/** Processor time that these processes have used, in ticks of 10 ms; 0 where there is no /proc. */
function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const path = `/proc/${pid}/stat`;
    if (!existsSync(path)) return sum;
    const fields = readFileSync(path, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

function dd(args: readonly string[]): Promise<void> {
  return run("dd", [...args, "status=none"]);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code ?? "a signal"}`);
}
