import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LogWriter, openStore, readLog, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";

const job = "01hzzzzzzzzzzzzzzzzzzzzzzz";
let folder: string;
let store: CheckpointStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-log-"));
  store = openStore(`file:${join(folder, "store")}`);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const writer = (limit = 1_000_000): LogWriter => new LogWriter({ store, job, attempt: 1, limit });
const line = (n: number): Buffer => Buffer.from(`line ${String(n).padStart(6, "0")}\n`);

/** All that is kept, and how many bytes were left out on the way. */
async function whole(from = 0): Promise<{ text: string; skipped: number; end: number }> {
  let [text, skipped, end] = ["", 0, from];
  for (;;) {
    const part = await readLog(store, job, 1, end);
    if (part.nextOffset === end) return { text, skipped, end };
    text += Buffer.from(part.bytes).toString();
    skipped += part.skipped;
    end = part.nextOffset;
  }
}

async function pieces(): Promise<number> {
  let count = 0;
  for await (const name of store.list(`jobs/${job}/logs/1/`)) count += name === "" ? 0 : 1;
  return count;
}

describe("the log of an attempt", () => {
  test("that printed nothing is empty", async () => {
    await writer().flush();
    expect(await whole()).toEqual({ text: "", skipped: 0, end: 0 });
  });

  test("is read as it was printed, from any byte on, while it grows", async () => {
    const log = writer();
    let printed = "";
    for (let n = 0; n < 200; n += 1) {
      log.append(line(n));
      printed += line(n).toString();
      if (n % 3 === 0) await log.flush();
      if (n % 50 === 0) expect(printed.startsWith((await whole()).text)).toBe(true);
    }
    await log.flush();
    expect(await whole()).toEqual({ text: printed, skipped: 0, end: printed.length });
    for (const from of [1, 12, 777, printed.length - 1]) expect((await whole(from)).text).toBe(printed.slice(from));
    expect(await whole(printed.length)).toMatchObject({ text: "" });
  });

  test("of many small pieces is joined into few", async () => {
    const log = writer();
    for (let n = 0; n < 150; n += 1) {
      log.append(line(n));
      await log.flush();
    }
    expect(await pieces()).toBeLessThan(40);
    expect((await whole()).text.split("\n")).toHaveLength(151);
  });

  test("L1: that is too long keeps its first and its last half, and tells how much is missing", async () => {
    const limit = 20_000;
    const log = writer(limit);
    for (let n = 0; n < 6_000; n += 1) {
      log.append(line(n));
      if (n % 60 === 0) await log.flush();
    }
    await log.flush();
    const { text, skipped, end } = await whole();
    expect(text.startsWith(`${line(0).toString()}${line(1).toString()}`)).toBe(true);
    expect(text.endsWith(line(5_999).toString())).toBe(true);
    expect(end).toBe(6_000 * 12);
    expect(text.length + skipped).toBe(end);
    expect(text.length).toBeGreaterThan(limit * 0.8);
    expect(text.length).toBeLessThan(limit * 1.4);
  });

  test("L2: that cannot be stored loses its middle and not its beginning, and takes bounded memory", async () => {
    const limit = 1_000_000;
    const log = writer(limit);
    await writeFile(join(folder, "store"), "");
    const block = Buffer.alloc(100_000, "x");
    log.append(line(0));
    for (let n = 0; n < 100; n += 1) log.append(block);
    await expect(log.flush()).rejects.toThrow();
    log.append(line(1));
    await rename(join(folder, "store"), join(folder, "away"));
    await log.flush();
    const { text, skipped, end } = await whole();
    expect(text.startsWith(line(0).toString())).toBe(true);
    expect(text.endsWith(line(1).toString())).toBe(true);
    expect(end).toBe(100 * block.length + 24);
    // What would be deleted at once is not kept for the store: at the end of an attempt the last lines wait behind it.
    expect(skipped).toBeGreaterThanOrEqual(100 * block.length - limit);
  });
});
