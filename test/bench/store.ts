/**
 * How fast a large file goes into each checkpoint store and comes back, against `dd` on the same disk in the same run.
 *
 *   npm run bench -- store [MiB] [rounds] [--json]
 *
 * In: a file is stored, synced and hashed; `dd` copies it with `conv=fsync`. Out: it is read back into a file and
 * hashed; `dd` copies it. All servers are processes of their own. The S3 server is the one of the tests: what it costs is
 * its own hashing too, so its figures tell about our client, not about Amazon. Ratios of a round are comparable; what a
 * disk does in one minute and the next is not, so the median round counts.
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
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
}

interface Figure {
  readonly name: string;
  readonly inMs: number;
  readonly outMs: number;
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
    return ready;
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
    { name: "a folder", store: openStore(`file:${join(root, "folder")}`) },
    { name: "S3", store: openStore(s3.url, access) },
    { name: "cairn store over a folder", store: openStore(overFolder.url) },
    { name: "cairn store over S3", store: openStore(overS3.url) },
  ];
}

async function measureDd(root: string, source: string): Promise<Figure> {
  const copy = join(root, "copy");
  const back = join(root, "back");
  const inMs = await timed(() => dd([`if=${source}`, `of=${copy}`, "bs=1M", "conv=fsync"]));
  const outMs = await timed(() => dd([`if=${copy}`, `of=${back}`, "bs=1M"]));
  await settle(root, [copy, back]);
  return { name: "dd", inMs, outMs };
}

async function measure(
  { name, store }: Kind,
  {
    root,
    source,
    sha256,
    mib,
  }: { readonly root: string; readonly source: string; readonly sha256: string; readonly mib: number },
): Promise<Figure> {
  const back = join(root, "back");
  const inMs = await timed(() => store.create("file", { file: source }, { sha256 }));
  const outMs = await timed(async () => {
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
  return { name, inMs, outMs };
}

/** What one left to be written must not slow the next down. */
async function settle(root: string, files: readonly string[]): Promise<void> {
  for (const file of files) await rm(file, { force: true });
  await run("sync", ["-f", root]);
}

function report(figures: readonly Figure[], mib: number, rounds: number): void {
  const names = [...new Set(figures.map(({ name }) => name))];
  const medians = names.map((name) => {
    const own = figures.filter((figure) => figure.name === name);
    return { name, inMs: median(own.map(({ inMs }) => inMs)), outMs: median(own.map(({ outMs }) => outMs)) };
  });
  const base = medians[0] ?? { inMs: 0, outMs: 0 };
  const rows = medians.map(({ name, inMs, outMs }) => ({
    name,
    inMiBs: Math.round(mib / (inMs / 1_000)),
    inOfDd: Number((base.inMs / inMs).toFixed(2)),
    outMiBs: Math.round(mib / (outMs / 1_000)),
    outOfDd: Number((base.outMs / outMs).toFixed(2)),
  }));
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ mib, rounds, rows }));
    return;
  }
  console.log(`${mib} MiB, median of ${rounds} rounds; in brackets: of what dd reaches`);
  for (const { name, inMiBs, inOfDd, outMiBs, outOfDd } of rows) {
    console.log(`${name}: in ${inMiBs} MiB/s (${inOfDd}), out ${outMiBs} MiB/s (${outOfDd})`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

function dd(args: readonly string[]): Promise<void> {
  return run("dd", [...args, "status=none"]);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code ?? "a signal"}`);
}
