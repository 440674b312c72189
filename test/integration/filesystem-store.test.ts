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

  test("B2: a writer that is killed half-way leaves no name, and its remains are swept when they are old", async () => {
    // A writer that never comes to its end: its source is a pipe that stays open.
    const fifo = join(root, "fifo");
    const script = `
      import { openStore } from ${JSON.stringify(new URL("../../dist/src/checkpoints/checkpoints.js", import.meta.url).href)};
      await openStore("file:" + process.argv[1]).create("jobs/x", { file: process.argv[2] });`;
    const made = spawn("mkfifo", [fifo], { stdio: "ignore" });
    await once(made, "exit");
    const writer = spawn(process.execPath, ["--input-type=module", "-e", script, join(root, "store"), fifo], {
      stdio: "inherit",
    });
    const feed = spawn("sh", ["-c", `head -c 3000000 /dev/zero > "$0"; sleep 60`, fifo], { stdio: "ignore" });
    try {
      const temporary = join(root, "store/.tmp");
      const bytes = async (): Promise<number> => {
        const [name] = await readdir(temporary).catch(() => []);
        return name === undefined ? 0 : (await readFile(join(temporary, name))).length;
      };
      await expect.poll(bytes, { timeout: 20_000, message: "the writer has written" }).toBeGreaterThan(100_000);
      writer.kill("SIGKILL");
      await once(writer, "exit");

      const store = openStore(`file:${join(root, "store")}`);
      expect(await store.stat("jobs/x")).toBeNull();
      expect(await store.sweep()).toBe(0); // It might still be at work, for all one can know.
      const [left] = await readdir(temporary);
      const longAgo = new Date(Date.now() - 7_200_000);
      await utimes(join(temporary, left!), longAgo, longAgo);
      expect(await store.sweep()).toBe(1);
      expect(await readdir(temporary)).toEqual([]);
      expect(await store.create("jobs/x", Buffer.from("second"))).toMatchObject({ kind: "created" });
    } finally {
      writer.kill("SIGKILL");
      feed.kill("SIGKILL");
    }
  });

  test("a folder that cannot be written to is a fault that says which name and why", async () => {
    await writeFile(join(root, "file"), "");
    const store = openStore(`file:${join(root, "file/below")}`);
    await expect(store.create("a/b", Buffer.from("x"))).rejects.toMatchObject({ reason: "unavailable" });
    await expect(store.create("a/b", Buffer.from("x"))).rejects.toThrow(/^a\/b could not be stored: ENOTDIR/);
  });

  test("a full disk is told apart, and leaves nothing behind", async () => {
    // A limit on the size of files does to `write` what a full disk does, and needs no rights.
    const script = `
      import { openStore } from ${JSON.stringify(new URL("../../dist/src/checkpoints/checkpoints.js", import.meta.url).href)};
      process.on("SIGXFSZ", () => undefined);
      const fault = await openStore("file:" + process.argv[1]).create("a", Buffer.alloc(4_000_000)).catch((error) => error);
      console.log(fault.name, fault.reason);`;
    const writer = spawn(
      "sh",
      ["-c", `ulimit -f 1000; exec "$@"`, "sh", process.execPath, "--input-type=module", "-e", script, root],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const output: Buffer[] = [];
    writer.stdout.on("data", (piece: Buffer) => output.push(piece));
    await once(writer, "close");
    expect(Buffer.concat(output).toString().trim()).toBe("StoreFault full");
    expect(await readdir(join(root, ".tmp"))).toEqual([]);
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
