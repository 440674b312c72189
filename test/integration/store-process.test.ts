/** `cairn store` as a process, in front of a folder and of S3, and a whole Cairn that keeps its checkpoints there. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore, type AnnouncedPieces } from "../../src/checkpoints/checkpoints.ts";
import { runCairn, startCairn, type Running } from "../support/cairn-command.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { S3Server } from "../support/s3/server.ts";
import { contentOf } from "../support/store-conformance.ts";
import { STEADY_TASKS, SteadyJob } from "../support/steady-job.ts";
import { STORE_TOKEN } from "../support/store-server.ts";

const access = { s3: null, token: STORE_TOKEN };

describe("cairn store as a process", () => {
  let root: string;
  const running: Running[] = [];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-store-"));
  });
  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      if (child.connected) child.disconnect(); // The store behind it ends with that.
      await ended;
    }
    await rm(root, { recursive: true, force: true });
  });

  const start = async (env: Readonly<Record<string, string>> = {}) => {
    const cairn = startCairn(["store", "--store-port", "0", "--data", root], {
      env: { CAIRN_STORE_TOKEN: STORE_TOKEN, ...env },
      channel: true,
    });
    running.push(cairn);
    const [ready] = (await once(cairn.child, "message")) as [{ readonly url: string; readonly pid: number }];
    return { ...ready, cairn, store: openStore(ready.url, access) };
  };
  /** Content of which the second half comes when it is let go. */
  const halting = () => {
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    async function* pieces(): AsyncIterable<Uint8Array> {
      yield Buffer.alloc(1_000_000);
      await gate;
      yield Buffer.alloc(1_000_000);
    }
    const content: AnnouncedPieces = { pieces: pieces(), bytes: 2_000_000, sha256: digestOf(2_000_000) };
    return { content, letGo };
  };
  const arrived = (): Promise<unknown> =>
    eventually("half of the content has come", async () => {
      const names = await readdir(join(root, "store/.tmp")).catch(() => []);
      return names.length > 0;
    });

  test("killed in the middle of a creation it leaves no name; started anew it serves what was stored", async () => {
    const first = await start();
    await first.store.create("kept", Buffer.from("kept"));
    const { content, letGo } = halting();
    const creation = first.store.create("half", content).catch((error: unknown) => error);
    await arrived();
    process.kill(first.pid, "SIGKILL");
    letGo();
    expect(await creation).toMatchObject({ name: "StoreFault", reason: "unavailable" });
    const second = await start();
    expect(await second.store.stat("half")).toBeNull();
    expect((await contentOf(second.store, "kept"))?.toString()).toBe("kept");
  });

  test("asked to leave it ends what is under way, takes nothing new, and says that all is well", async () => {
    const { pid, store, cairn, url } = await start();
    const { content, letGo } = halting();
    const creation = store.create("half", content);
    await arrived();
    process.kill(pid, "SIGTERM");
    await eventually("it listens no more", () =>
      fetch(`${url}/livez`).then(
        () => false,
        () => true,
      ),
    );
    letGo();
    expect(await creation).toMatchObject({ kind: "created", bytes: 2_000_000 });
    expect(await cairn.ended).toMatchObject({ code: 0, signal: null });
  });

  test("what cannot work is said at once", async () => {
    const [offering, open, half] = await Promise.all([
      runCairn(["store", "--store", "http://127.0.0.1:1"], { cwd: root }),
      runCairn(["store", "--store-host", "0.0.0.0", "--data", root], { cwd: root }),
      runCairn(["store", "--data", root], { cwd: root, env: { CAIRN_S3_ACCESS_KEY_ID: "x" } }),
    ]);
    expect([offering.code, open.code, half.code]).toEqual([1, 1, 1]);
    expect(offering.out).toContain("offers a folder or an S3 store");
    expect(open.out).toContain("CAIRN_STORE_TOKEN");
    expect(half.out).toContain("belong together");
  });

  test("B3: 160 MB through a client, cairn store and S3 and back stay out of memory", async () => {
    const s3 = new S3Server({ folder: join(root, "bucket") });
    await s3.start();
    try {
      const { pid, url } = await start({
        CAIRN_STORE: s3.url(),
        CAIRN_S3_ACCESS_KEY_ID: s3.keys.accessKeyId,
        CAIRN_S3_SECRET_ACCESS_KEY: s3.keys.secretAccessKey,
      });
      await writeFile(join(root, "large"), "");
      await truncate(join(root, "large"), 160_000_000);
      const before = await peakMemory(pid);
      const script = `
        import { openStore } from ${JSON.stringify(new URL("../../dist/src/checkpoints/checkpoints.js", import.meta.url).href)};
        const store = openStore(${JSON.stringify(url)}, ${JSON.stringify(access)});
        const before = process.resourceUsage().maxRSS;
        const { sha256 } = await store.create("large", { file: ${JSON.stringify(join(root, "large"))} });
        let bytes = 0;
        for await (const piece of await store.get("large")) bytes += piece.length;
        console.log(JSON.stringify({ sha256, bytes, grownBytes: (process.resourceUsage().maxRSS - before) * 1024 }));`;
      const client = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const output = Buffer.concat((await client.stdout.toArray()) as Buffer[]).toString();
      const done = JSON.parse(output) as { readonly bytes: number; readonly grownBytes: number };
      expect(done).toMatchObject({ sha256: digestOf(160_000_000), bytes: 160_000_000 });
      expect(done.grownBytes).toBeLessThan(100_000_000);
      expect((await peakMemory(pid)) - before).toBeLessThan(130_000_000);
    } finally {
      await s3.stop();
    }
  });

  test("a whole Cairn keeps its checkpoints there: a job whose worker is killed ends with the right digest", async () => {
    const { url, store } = await start();
    const settings = { CAIRN_STORE: url, CAIRN_STORE_TOKEN: STORE_TOKEN, CAIRN_TASKS: STEADY_TASKS };
    const fleet = await Fleet.start({ settings, workers: 2 });
    try {
      const job = await SteadyJob.submit(fleet);
      const { id, worker } = await fleet.running(job.id);
      await fleet.signal(worker, "SIGKILL");
      job.hurry();
      expect(await job.over()).toMatchObject({ state: "succeeded", output: job.output });
      expect((await fleet.attempts(id))[1]?.fromCheckpoint).not.toBeNull();
      expect(await store.stat(`jobs/${id}/OUTCOME.json`)).not.toBeNull();
    } finally {
      await fleet.stop();
    }
  });
});

/** The most memory that a process ever had, bytes. */
async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1_024;
}

/** SHA-256 of so many zero bytes. */
function digestOf(bytes: number): string {
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(1_000_000);
  for (let left = bytes; left > 0; left -= zeros.length) hash.update(zeros.subarray(0, left));
  return hash.digest("hex");
}
