import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "../../src/checkpoints/checkpoints.ts";
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
