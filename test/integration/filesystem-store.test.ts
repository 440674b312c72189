import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, existsSync } from "node:fs";
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { handedOver, hashFile, openCheckpoint, openStore, writeCheckpoint } from "../../src/checkpoints/checkpoints.ts";
import { describeStore } from "../support/store-conformance.ts";

describeStore({
  name: "a folder",
  open: async () => {
    const root = await mkdtemp(join(tmpdir(), "cairn-store-"));
    return {
      store: openStore(`file:${root}`),
      other: openStore(`file:${root}`),
      damage: async (name, change) => writeFile(join(root, name), change(await readFile(join(root, name)))),
      close: () => rm(root, { recursive: true, force: true }),
    };
  },
});

describe("the store in a folder", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-store-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** Runs a script with a `store` in a process of its own, after `prelude` in its shell. */
  const run = async (script: string, prelude = ":"): Promise<{ signal: NodeJS.Signals | null; output: string }> => {
    const face = new URL("../../dist/src/checkpoints/checkpoints.js", import.meta.url).href;
    const whole = `
      import { openStore } from ${JSON.stringify(face)};
      const store = openStore("file:" + ${JSON.stringify(join(root, "store"))});
      ${script}`;
    const command = `${prelude}; exec "$@"`;
    const child = spawn("sh", ["-c", command, "sh", process.execPath, "--input-type=module", "-e", whole], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output: Buffer[] = [];
    child.stdout.on("data", (piece: Buffer) => output.push(piece));
    const [, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return { signal, output: Buffer.concat(output).toString() };
  };

  test("B2: a writer that is killed half-way leaves no name, and its remains are swept when they are old", async () => {
    const killed = await run(`
      async function* pieces() {
        yield Buffer.alloc(1_000_000);
        process.kill(process.pid, "SIGKILL");
      }
      await store.create("jobs/x", { pieces: pieces(), bytes: 2_000_000, sha256: "0".repeat(64) });`);
    expect(killed).toEqual({ signal: "SIGKILL", output: "" });
    const temporary = join(root, "store/.tmp");
    const store = openStore(`file:${join(root, "store")}`);
    expect(await store.stat("jobs/x")).toBeNull();
    expect(await store.sweep()).toBe(0); // It might still be at work, for all one can know.
    const [left] = await readdir(temporary);
    const longAgo = new Date(Date.now() - 7_200_000);
    await utimes(join(temporary, left!), longAgo, longAgo);
    expect(await store.sweep()).toBe(1);
    expect(await readdir(temporary)).toEqual([]);
    expect(await store.create("jobs/x", Buffer.from("second"))).toMatchObject({ kind: "created" });
  });

  describe("with a file so large that its hash follows the copying", () => {
    const large = Buffer.alloc(40_000_000, "of this a large state is made");
    const sha256 = createHash("sha256").update(large).digest("hex");
    const state = () => join(root, "state");
    beforeEach(() => writeFile(state(), large));

    test("in and out, also several at once, it is known by its content", async () => {
      const store = openStore(`file:${join(root, "store")}`);
      const names = ["objects/1", "objects/2", "objects/3"];
      const made = await Promise.all(names.map((name) => store.createNamed(state(), () => name)));
      expect(made).toEqual(names.map((name) => ({ kind: "created", name, bytes: large.length, sha256 })));
      const out = await Promise.all(names.map((name, n) => store.copyTo(name, join(root, `back-${n}`))));
      expect(out).toEqual(names.map(() => ({ bytes: large.length, sha256 })));
      expect((await readFile(join(root, "back-2"))).equals(large)).toBe(true);
    });

    test("HC1: a file that grows while it is copied is stored as what arrived", async () => {
      const store = openStore(`file:${join(root, "store")}`);
      const storing = store.createNamed(state(), (found) => `objects/${found.sha256}`);
      for (let n = 0; n < 50; n += 1) appendFileSync(state(), "and more of it");
      const { name } = await storing;
      expect(`objects/${(await hashFile(join(root, "store", name!))).sha256}`).toBe(name);
    });

    test("what cannot be copied is a fault, and leaves neither remains nor a thread", async () => {
      const store = openStore(`file:${join(root, "store")}`);
      await store.createNamed(state(), () => "objects/x");
      await writeFile(join(root, "taken"), "");
      await expect(store.copyTo("objects/x", join(root, "taken"))).rejects.toMatchObject({ reason: "unavailable" });
      const { output } = await run(`
        await store.copyTo("objects/x", ${JSON.stringify(join(root, "taken"))}).catch(({ reason }) => console.log(reason));`);
      expect(output.trim()).toBe("unavailable"); // A thread that waits would have kept the process from ending.
      expect(await readdir(join(root, "store/.tmp"))).toEqual([]);
    });
  });

  describe("with a file that it may keep", () => {
    const content = Buffer.alloc(3_000_000, "state");
    const state = () => join(root, "state");
    const objects = () => join(root, "store/objects");
    beforeEach(() => writeFile(state(), content, { mode: 0o600 }));

    const inodes = async (...paths: readonly string[]) =>
      new Set(await Promise.all(paths.map(async (path) => (await stat(path)).ino)));

    test("W1: the file itself becomes the object, readable by all, and nothing is copied", async () => {
      const store = openStore(`file:${join(root, "store")}`);
      expect(await store.createNamed(state(), () => "objects/kept", { rights: "keep" })).toMatchObject({
        kind: "created",
      });
      expect((await inodes(state(), join(objects(), "kept"))).size).toBe(1);
      expect((await stat(join(objects(), "kept"))).mode & 0o777).toBe(0o644);
      expect(await readdir(join(root, "store/.tmp"))).toEqual([]);
      expect(await store.createNamed(state(), () => "objects/copied")).toMatchObject({ kind: "created" });
      expect((await inodes(state(), join(objects(), "copied"))).size).toBe(2);
    });

    test("C3: of a checkpoint, what the program can still reach under another name is copied, and the rest is kept", async () => {
      const [working, save] = [join(root, "working"), join(root, "save")];
      await Promise.all([mkdir(working), mkdir(save)]);
      for (const name of ["own", "shelved", "program"]) await writeFile(join(working, name), `${name} of the job`);
      await rename(join(working, "own"), join(save, "own"));
      for (const name of ["shelved", "program"]) await link(join(working, name), join(save, name));
      const store = openStore(`file:${join(root, "store")}`);
      const written = await writeCheckpoint(store, await handedOver(save, ["shelved"]), {
        ...{ job: "01hzzzzzzzzzzzzzzzzzzzzzzz", task: "t", checkpointVersion: 1, seq: 1, attempt: 1, trial: 0 },
        ...{ fence: { generation: 1, counter: 1, token: "t" }, parent: null, progress: null, artifacts: [] },
        createdAt: new Date().toISOString(),
      });
      const kept: Record<string, boolean> = {};
      for (const { name, object } of written.manifest.files) {
        kept[name] = (await inodes(join(save, name), join(root, "store", object))).size === 1;
      }
      expect(kept).toEqual({ own: true, shelved: true, program: false });
      await writeFile(join(working, "program"), "written in place, whatever was declared"); // Same inode.
      const opening = await openCheckpoint(store, written.name, written.sha256);
      if (opening.kind !== "ok") throw new Error(opening.detail);
      expect(Buffer.from(await opening.checkpoint.read("program")).toString()).toBe("program of the job");
    });

    test("B4: one that is written to after all is refused, and is in the store under no name", async () => {
      const store = openStore(`file:${join(root, "store")}`);
      const late = (): string => {
        appendFileSync(state(), "late");
        return "objects/late";
      };
      await expect(store.createNamed(state(), late, { rights: "keep" })).rejects.toMatchObject({ reason: "changed" });
      expect(await store.stat("objects/late")).toBeNull();
    });

    test("B2: a writer that is killed between hashing and naming leaves no name and no remains, and the file as it was", async () => {
      const killed = await run(`await store.createNamed(${JSON.stringify(state())}, () => {
        process.kill(process.pid, "SIGKILL");
        return "objects/x";
      }, { rights: "keep" });`);
      expect(killed.signal).toBe("SIGKILL");
      expect(await readdir(join(root, "store"))).toEqual([".tmp"]);
      expect(await readdir(join(root, "store/.tmp"))).toEqual([]);
      expect((await readFile(state())).equals(content)).toBe(true);
    });

    test("B2: whenever a writer is killed, what has a name is whole", async () => {
      const files = Array.from({ length: 40 }, (_, n) => join(root, `part-${n}`));
      for (const [n, file] of files.entries()) await writeFile(file, Buffer.alloc(50_000, `part ${n}, `));
      const killed = await run(`
        let named = 0;
        await Promise.all(${JSON.stringify(files)}.map((file) => store.createNamed(file, ({ sha256 }) => {
          named += 1;
          if (named === 20) setImmediate(() => process.kill(process.pid, "SIGKILL"));
          return "objects/" + sha256;
        }, { rights: "keep" })));`);
      expect(killed.signal).toBe("SIGKILL");
      for (const name of await readdir(objects()).catch(() => [])) {
        expect(await hashFile(join(objects(), name))).toEqual({ bytes: 50_000, sha256: name });
      }
      const store = openStore(`file:${join(root, "store")}`);
      for (const file of files) await store.createNamed(file, ({ sha256 }) => `objects/${sha256}`, { rights: "keep" });
      expect(await readdir(objects())).toHaveLength(40);
    });

    test.runIf(existsSync("/dev/shm"))("one on another disk is copied", async () => {
      const elsewhere = await mkdtemp("/dev/shm/cairn-store-");
      try {
        const store = openStore(`file:${elsewhere}`);
        expect(await store.createNamed(state(), () => "objects/x", { rights: "keep" })).toMatchObject({
          kind: "created",
        });
        expect((await readFile(join(elsewhere, "objects/x"))).equals(content)).toBe(true);
        expect(await readdir(join(elsewhere, ".tmp"))).toEqual([]);
      } finally {
        await rm(elsewhere, { recursive: true, force: true });
      }
    });
  });

  test("a folder that cannot be written to is a fault that says which name and why", async () => {
    await writeFile(join(root, "file"), "");
    const store = openStore(`file:${join(root, "file/below")}`);
    await expect(store.create("a/b", Buffer.from("x"))).rejects.toMatchObject({ reason: "unavailable" });
    await expect(store.create("a/b", Buffer.from("x"))).rejects.toThrow(/^a\/b could not be stored: ENOTDIR/);
  });

  test("a full disk is told apart, and leaves nothing behind", async () => {
    // A limit on the size of files does to Node what a full disk does.
    const { output } = await run(
      `const fault = await store.create("a", Buffer.alloc(4_000_000)).catch((error) => error);
      console.log(fault.name, fault.reason);`,
      "ulimit -f 1000",
    );
    expect(output.trim()).toBe("StoreFault full");
    expect(await readdir(join(root, "store/.tmp"))).toEqual([]);
  });

  test("W2: what lies in it and begins with a dot is not listed", async () => {
    await mkdir(join(root, ".tmp"), { recursive: true });
    await writeFile(join(root, ".tmp/abc"), "");
    await openStore(`file://${root}`).create("a", Buffer.from("x"));
    const names: string[] = [];
    for await (const name of openStore(`file:${root}`).list("")) names.push(name);
    expect(names).toEqual(["a"]);
  });

  test.each(["", "s3:x", "file:relative", "/abs"])("%j is refused as the URL of a store", (url) => {
    expect(() => openStore(url)).toThrow(TypeError);
  });
});
