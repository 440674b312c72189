import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { KeyedQueue } from "../../src/online/keyed-queue.ts";

const MEBIBYTE = 1_024 * 1_024;

interface Guest {
  readonly name: string;
}
const guest = (name: string): Guest => ({ name });

describe("entries that come and go", () => {
  it("are found by their key while they are here", () => {
    const queue = new KeyedQueue<Guest>();
    queue.add("a", guest("first"));
    queue.add(7, guest("second"));
    expect(queue.get("a")?.name).toBe("first");
    expect(queue.get(7)?.name).toBe("second");
    expect(queue.get("7")).toBeUndefined();
    expect(queue.delete("a")).toBe(true);
    expect(queue.delete("a")).toBe(false);
    expect(queue.has("a")).toBe(false);
    expect(queue.size).toBe(1);
  });

  it("keep the order in which they came, whoever leaves", () => {
    const queue = new KeyedQueue<Guest>();
    for (let n = 0; n < 10; n++) queue.add(n, guest(String(n)));
    for (const gone of [0, 4, 9]) queue.delete(gone);
    expect(queue.values().map(({ name }) => name)).toEqual(["1", "2", "3", "5", "6", "7", "8"]);
    expect(queue.oldest?.name).toBe("1");
    queue.add(10, guest("10"));
    expect(queue.values().at(-1)?.name).toBe("10");
  });

  it("take the place of what had the same key, as the newest", () => {
    const queue = new KeyedQueue<Guest>();
    queue.add("a", guest("old"));
    queue.add("b", guest("other"));
    queue.add("a", guest("new"));
    expect(queue.values().map(({ name }) => name)).toEqual(["other", "new"]);
  });

  it("are what a Map holds after any sequence of the same changes, also when keys fall into one bucket", () => {
    const queue = new KeyedQueue<Guest>();
    const map = new Map<string | number, Guest>();
    let seed = 7;
    const draw = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let n = 0; n < 20_000; n++) {
      const number = draw(3_000);
      // The end of a key alone tells them apart: these share it.
      const key = number % 3 === 0 ? number * 65_536 : `${number}-the same end`;
      if (draw(2) === 0) {
        const value = guest(`${n}`);
        map.delete(key);
        map.set(key, value);
        queue.add(key, value);
      } else expect(queue.delete(key)).toBe(map.delete(key));
      expect(queue.size).toBe(map.size);
    }
    expect(queue.values()).toEqual([...map.values()]);
    for (const [key, value] of map) expect(queue.get(key)).toBe(value);
  });

  it("leave nothing behind that keeps later ones alive, as the tables of a Map do", () => {
    const module = fileURLToPath(new URL("../../dist/src/online/keyed-queue.js", import.meta.url));
    const old = spawnSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", CHURN], {
      encoding: "utf8",
      env: { ...process.env, MODULE: module },
    });
    expect(old.stderr).toBe("");
    const { queue, map } = JSON.parse(old.stdout) as { readonly queue: number; readonly map: number };
    // What a Map costs is the reason for the class: the day it costs nothing, the class can go.
    expect(map).toBeGreaterThan(10 * MEBIBYTE);
    expect(queue).toBeLessThan(2 * MEBIBYTE);
  });
});

/** 64 entries at a time, 1 KB each, 300,000 in all, after one that was there when all got old: growth of the old space. */
const CHURN = `
import { getHeapSpaceStatistics } from "node:v8";
const { KeyedQueue } = await import(process.env.MODULE);
const oldBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space").space_used_size;
function churn(add, remove) {
  for (let n = 0; n < 64; n++) add(n, { text: new Array(128).fill(n) });
  gc();
  const before = oldBytes();
  let most = 0;
  for (let n = 64; n < 300_000; n++) {
    add(n, { text: new Array(128).fill(n) });
    remove(n - 64);
    if (n % 1_000 === 0) most = Math.max(most, oldBytes() - before);
  }
  return most;
}
const q = new KeyedQueue();
const queue = churn((key, value) => q.add(key, value), (key) => q.delete(key));
const m = new Map();
const map = churn((key, value) => m.set(key, value), (key) => m.delete(key));
console.log(JSON.stringify({ queue, map }));
`;
