import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { copyFile, link, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type CopyBegun,
  CopyFollower,
  freezeFiles,
  handedOver,
  openStore,
  writeCheckpoint,
} from "../../src/checkpoints/checkpoints.ts";
import { EarlyWriteback } from "../../src/checkpoints/early-writeback.ts";
import { HashThreads } from "../../src/checkpoints/threaded-hash.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { SavingRunner } from "../../workers/keeper/checkpoint-source.ts";
import { Shelf } from "../../workers/program/shelf.ts";
import { eventually } from "../support/eventually.ts";

const large = Buffer.alloc(40_000_000, "of this a large state is made");
const sha256 = createHash("sha256").update(large).digest("hex");

describe("the hash of a large file of a program", () => {
  let root: string;
  let [source, into] = ["", ""];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-follow-"));
    [source, into] = [join(root, "program"), join(root, "frozen")];
    for (const folder of [source, into]) await mkdir(folder);
    await writeFile(join(source, "state"), large);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const freeze = async (names: readonly string[], onCopying: (copy: CopyBegun) => void) => {
    const files = names.map((name) => ({ name, written: "in_place" as const }));
    const freezing = await freezeFiles({ source, files, into, clock: systemClock, onCopying });
    if (freezing.kind === "changed") throw new Error(freezing.detail);
    return freezing.frozen;
  };
  const openBelow = (folder: string): string[] =>
    readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${fd}`);
        return path.startsWith(folder) ? [path] : [];
      } catch {
        return []; // Closed meanwhile.
      }
    });
  const store = (frozen: Awaited<ReturnType<typeof freeze>>) =>
    writeCheckpoint(openStore(`file:${join(root, "store")}`), frozen, {
      ...{ job: "j", task: "t", checkpointVersion: 1, seq: 1, attempt: 1, parent: null, progress: null, artifacts: [] },
      ...{ fence: { generation: 1, counter: 1, token: "a" }, trial: 0, createdAt: new Date().toISOString() },
    });

  test("is begun while it is copied, and names what was stored", async () => {
    const follower = new CopyFollower();
    const frozen = follower.handOver(await freeze(["state"], (copy) => follower.follow(copy)));
    expect(await frozen.files[0]!.hashed).toEqual({ bytes: large.length, sha256 });
    expect((await store(frozen)).manifest.files).toMatchObject([{ name: "state", bytes: large.length, sha256 }]);
  });

  test("CF1: is begun for one large file alone, and for no small one", async () => {
    await writeFile(join(source, "other"), large);
    await writeFile(join(source, "small"), "x");
    const begun: CopyBegun[] = [];
    await freeze(["small", "state", "other"], (copy) => begun.push(copy));
    expect(begun.map(({ name }) => ["state", "other"].includes(name))).toEqual([true]);
  });

  test("CF2: counts for the file that was read alone: another one of the same name is hashed as it lies there", async () => {
    const follower = new CopyFollower();
    const frozen = await freeze(["state"], (copy) => follower.follow(copy));
    await rm(join(into, "state"));
    await writeFile(join(into, "state"), "another");
    const [file] = follower.handOver(await handedOver(into)).files;
    expect(frozen.files[0]!.bytes).toBe(large.length);
    expect(await file!.hashed).toEqual({ bytes: 7, sha256: createHash("sha256").update("another").digest("hex") });
  });

  test("CF2: is made anew where the copy could not be read", async () => {
    const follower = new CopyFollower();
    const frozen = await freeze(["state"], ({ name }) => follower.follow({ name, path: join(root, "nowhere") }));
    expect(await follower.handOver(frozen).files[0]!.hashed).toEqual({ bytes: large.length, sha256 });
  });

  test("C3: does not count for a file that is cut while it is hashed: nothing is stored", async () => {
    const follower = new CopyFollower();
    const frozen = follower.handOver(await freeze(["state"], (copy) => follower.follow(copy)));
    await truncate(join(into, "state"), 1_000_000);
    await expect(store(frozen)).rejects.toMatchObject({ reason: "changed" });
    const left = await readdir(join(root, "store"), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile() && entry.name.endsWith(".json"))).toEqual([]);
  });

  test("CF3: lets go of a copy that was given up, also of one whose writer was killed half-way", async () => {
    const follower = new CopyFollower();
    const path = join(into, "state");
    const writer = spawn("sh", ["-c", `head -c 20000000 "$1" > "$2"; kill -9 $$`, "sh", join(source, "state"), path]);
    follower.follow({ name: "state", path });
    await once(writer, "exit");
    await eventually("the copy is followed", () => openBelow(into).includes(path));
    follower.follow(null);
    await eventually("the copy is let go", () => openBelow(into).length === 0);
  });

  test("HC3: keeps no process from ending, when nobody ever says how the copying ended", async () => {
    const face = new URL("../../dist/src/checkpoints/checkpoints.js", import.meta.url).href;
    const script = `
      import { CopyFollower } from ${JSON.stringify(face)};
      new CopyFollower().follow({ name: "state", path: ${JSON.stringify(join(source, "state"))} });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test("is made by the same thread for one copy after the other, also after one that was given up", async () => {
    const threads = new HashThreads();
    const path = join(source, "state");
    for (const want of ["hash", "nothing", "hash", "hash"]) {
      const hash = threads.follow(path);
      if (want === "nothing") hash.unwanted();
      else {
        hash.whole();
        expect(await hash.result).toMatchObject({ bytes: large.length, sha256 });
      }
    }
    const nothing = threads.follow(join(source, "nowhere"));
    nothing.whole();
    await expect(nothing.result).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("is begun by the keeper when its runner says that it copies, and given up with the save", async () => {
    const folder = join(root, "save-1");
    await mkdir(folder);
    const saving = new SavingRunner({ tell: () => undefined });
    const path = join(into, "state");
    saving.heard({ kind: "copying", copy: { name: "state", path } }); // Nobody has asked for a checkpoint.
    const over = new AbortController();
    const aborted = saving.snapshot(folder, "go_on", over.signal);
    saving.heard({ kind: "copying", copy: { name: "state", path } });
    over.abort();
    expect(await aborted).toBeNull();

    const snapshot = saving.snapshot(folder, "go_on", new AbortController().signal);
    saving.heard({ kind: "copying", copy: { name: "state", path } });
    await copyFile(join(source, "state"), path);
    await link(path, join(folder, "state"));
    saving.heard({ kind: "saved", id: 2, blockedMs: 0, progress: null, artifacts: [], atRest: ["state"] });
    const saved = await snapshot;
    if (saved?.kind !== "saved") throw new Error("not saved");
    expect(await saved.frozen.files[0]!.hashed).toEqual({ bytes: large.length, sha256 });
    await eventually("nothing is held open", () => openBelow(root).length === 0);
  });

  test("is given up by the runner when a file changed while all were frozen", async () => {
    const seen = {
      ...{
        steady: ["state"],
        replaced: new Set<string>(),
        appended: [],
        lines: new Set<string>(),
        growth: "",
        links: [],
        looks: [],
        endings: [],
        missing: [],
      },
      ...{ bytes: large.length, markers: "", signature: "1" },
    };
    const said: (string | null)[] = [];
    const look = () => ({ ...seen, signature: "2" });
    const shelf = new Shelf({ working: source, folder: join(root, "shelf"), look, clock: systemClock });
    const about = {
      progress: null,
      blockedMs: () => 0,
      mapped: [],
      onCopying: (copy: CopyBegun | null) => said.push(copy?.name ?? null),
    };
    expect(await shelf.freeze(seen, about)).toMatch(/changed/);
    expect(said).toEqual(["state", null]);
    expect(await readdir(join(root, "shelf"))).toEqual([]);
  });
});

describe("what goes to the disk while it is written", () => {
  const looks = async (): Promise<void> => {
    for (let n = 0; n < 50; n += 1) await stat("/dev/null");
  };

  test("E1: counts: what the disk says meanwhile is not told to who opens the file afterwards", async () => {
    const writeback = new EarlyWriteback("/dev/null"); // Of all that can be opened and not be synced, always there.
    await looks();
    await expect(writeback.end()).rejects.toMatchObject({ code: "EINVAL", syscall: "fdatasync" });
  });

  test("need not be there yet, and may never be", async () => {
    const writeback = new EarlyWriteback(join(tmpdir(), "cairn-there-is-no-such-file"));
    await looks();
    await expect(writeback.end()).resolves.toBeUndefined();
  });
});
