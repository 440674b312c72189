import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { lock, tryLock } from "../../src/launch/folder-lock.mjs";
import { identify, isRunning } from "../../src/launch/process-identity.mjs";
import { eventually } from "../support/eventually.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "cairn-launch-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function run(script: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  cleanups.push(() => void child.kill("SIGKILL"));
  return child;
}

const moduleAt = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

const idle = (): ChildProcess => run("setInterval(() => {}, 1000);");

async function untilExit(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

describe("the identity of a process", () => {
  it("holds as long as the process runs, and not for another one with the same pid", async () => {
    const child = idle();
    const identity = identify(child.pid!)!;
    expect(isRunning(identity)).toBe(true);
    expect(isRunning({ ...identity, startedAt: "1" })).toBe(false);
    child.kill("SIGKILL");
    await untilExit(child);
    expect(isRunning(identity)).toBe(false);
  });

  it("takes a process that nobody has waited for as ended", async () => {
    // The shell starts a child and turns into a program that never waits for it.
    const parent = spawn("/bin/sh", ["-c", "sleep 0.05 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    cleanups.push(() => void parent.kill("SIGKILL"));
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    await eventually("the zombie counts as ended", () => identify(Number(line.toString())) === null);
  });
});

describe("the guard", () => {
  it("spares a process that has got the pid of a ward", async () => {
    const bystander = idle();
    const ward = idle();
    const guard = spawn(process.execPath, ["src/launch/guard.mjs", "no-such-word"], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    cleanups.push(() => void guard.kill("SIGKILL"));
    guard.stdin.write(`${JSON.stringify({ watch: { pid: bystander.pid, startedAt: "1" } })}\n`);
    guard.stdin.write(`${JSON.stringify({ watch: identify(ward.pid!) })}\n`);
    guard.stdin.end();
    await untilExit(guard);
    await untilExit(ward);
    expect(ward.signalCode).toBe("SIGTERM");
    expect(bystander.signalCode).toBeNull();
    expect(identify(bystander.pid!)).not.toBeNull();
  });
});

describe("the mark of a run", () => {
  it("tells the guard of what it was never told: a Redis that a test has started, and what belongs to nobody", async () => {
    const dataDir = folder();
    const parent = run(
      `import { spawn } from "node:child_process";
       import { requireRedis } from ${moduleAt("src/launch/find-redis.mjs")};
       import { startGuard } from ${moduleAt("src/launch/guarded.mjs")};
       import { startPrivateRedis } from ${moduleAt("dist/src/launch/private-redis.js")};
       Object.assign(process.env, startGuard().mark);
       const redis = await startPrivateRedis({ server: requireRedis(), dataDir: process.argv[1] });
       // A grandchild whose parent has ended.
       const shell = spawn("/bin/sh", ["-c", "sleep 600 & echo $!"], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
       shell.stdout.on("data", (line) => console.log(redis.pid + " " + String(line).trim()));`,
      dataDir,
    );
    const [line] = (await once(parent.stdout!, "data")) as [Buffer];
    const pids = line.toString().trim().split(" ").map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids) expect(identify(pid)).not.toBeNull();
    parent.kill("SIGKILL");
    await eventually("both are gone", () => pids.every((pid) => identify(pid) === null));
  });
});

describe("the lock of a folder", () => {
  it("tells who holds it and what he says, and is free when he lets go", () => {
    const path = join(folder(), "lock");
    const first = tryLock(path);
    if (first.kind !== "held") throw new Error("A new lock is free.");
    first.lock.tell({ url: "http://127.0.0.1:1" });
    first.lock.tell({ guard: "7" });
    expect(tryLock(path)).toMatchObject({
      kind: "taken",
      by: { pid: process.pid },
      note: { url: "http://127.0.0.1:1", guard: "7" },
    });
    first.lock.release();
    expect(tryLock(path).kind).toBe("held");
  });

  it("is free when its owner was killed, but not before all that share it have ended", async () => {
    const path = join(folder(), "lock");
    const shares = idle();
    const owner = run(
      `import { tryLock } from ${moduleAt("src/launch/folder-lock.mjs")};
       const { lock } = tryLock(process.argv[1]);
       lock.share(Number(process.argv[2]));
       console.log("held");
       setInterval(() => {}, 1000);`,
      path,
      String(shares.pid),
    );
    await once(owner.stdout!, "data");
    expect(tryLock(path)).toMatchObject({ kind: "taken", by: { pid: owner.pid } });
    owner.kill("SIGKILL");
    await untilExit(owner);
    expect(tryLock(path)).toMatchObject({ kind: "taken", by: { pid: shares.pid } });
    shares.kill("SIGKILL");
    await untilExit(shares);
    const held = await lock(path);
    held.release();
  });

  it("is held by one process at a time, however many want it and are killed while they have it", async () => {
    const path = join(folder(), "lock");
    const script = `import { lock } from ${moduleAt("src/launch/folder-lock.mjs")};
      import { openSync, closeSync, rmSync } from "node:fs";
      const witness = process.argv[1] + ".witness";
      for (let n = 0; n < 15; n++) {
        const held = await lock(process.argv[1]);
        closeSync(openSync(witness, "wx")); // Fails if anybody else is inside.
        rmSync(witness);
        // The last time it is not given back: the process ends with it.
        if (n < 14) held.release();
      }`;
    const contenders = Array.from({ length: 6 }, () => run(script, path));
    await Promise.all(contenders.map(untilExit));
    expect(contenders.map(({ exitCode }) => exitCode)).toEqual(contenders.map(() => 0));
  });
});
