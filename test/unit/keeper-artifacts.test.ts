import { link, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStore, storeNames, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { PendingArtifacts } from "../../workers/keeper/artifacts.ts";

describe("artifacts on their way into a store", () => {
  const job = "01hzzzzzzzzzzzzzzzzzzzzzzz";
  let root: string;
  let store: CheckpointStore;
  let pending: PendingArtifacts;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-artifacts-"));
    store = openStore(`file:${join(root, "store")}`);
    pending = new PendingArtifacts(store, job);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const handOut = async (name: string, content: string): Promise<string> => {
    const path = join(root, `${name}-${content.length}`);
    await writeFile(path, content);
    pending.add([{ name, path }]);
    return path;
  };
  const inodeOf = async (path: string): Promise<number> => (await stat(path)).ino;
  const objectOf = (name: string, sha256: string): string =>
    join(root, "store", storeNames.artifactName(job, name, sha256));

  it("AR3: the file itself becomes the object; one that has another name is copied", async () => {
    const own = await handOut("map.png", "a map");
    const shared = await handOut("table.csv", "a table");
    await link(shared, join(root, "the-program's"));
    const stored = await pending.store();
    expect(stored.map(({ entry }) => [entry.name, entry.bytes])).toEqual([
      ["map.png", 5],
      ["table.csv", 7],
    ]);
    const [map, table] = stored.map(({ entry }) => objectOf(entry.name, entry.sha256));
    expect(await inodeOf(map!)).toBe(await inodeOf(own));
    expect(await inodeOf(table!)).not.toBe(await inodeOf(shared));
    await pending.committed(stored);
    await expect(stat(own)).rejects.toMatchObject({ code: "ENOENT" });
    expect((await stat(map!)).size).toBe(5);
    expect(await pending.store()).toEqual([]);
  });

  it.each(["flipped", "short", "empty"])("AR5: a version that lies %s in the store is stored anew", async (how) => {
    await handOut("map.png", "a map");
    const [first] = await pending.store();
    await pending.committed([first!]);
    const object = objectOf("map.png", first!.entry.sha256);
    await rm(object);
    await writeFile(object, { flipped: "b map", short: "a m", empty: "" }[how]!);
    await handOut("map.png", "a map");
    expect(await pending.store()).toMatchObject([{ entry: first!.entry }]);
    expect(await readFile(object, "utf8")).toBe("a map");
  });

  it("AR4: a version that was replaced is deleted before the next is stored, which may be the same again", async () => {
    await handOut("map.png", "a map");
    const [first] = await pending.store();
    await pending.committed([first!]);
    const version = `map.png/${first!.entry.sha256}`;
    pending.discard([version, `map.png/${"0".repeat(64)}`]);
    await handOut("map.png", "a map");
    expect(await pending.store()).toMatchObject([{ entry: first!.entry }]);
    expect((await stat(objectOf("map.png", first!.entry.sha256))).size).toBe(5);
    pending.discard([version]);
    await pending.store();
    expect(await store.stat(storeNames.artifactName(job, "map.png", first!.entry.sha256))).toBeNull();
  });

  it("AR1, AR3: what a failed commit leaves waits, and is not stored again; a newer version takes its place", async () => {
    const path = await handOut("map.png", "a map");
    const first = await pending.store();
    await rm(path); // Whatever reads it again fails.
    expect(await pending.store()).toEqual(first);
    await handOut("map.png", "a newer map");
    const second = await pending.store();
    expect(second.map(({ entry }) => entry.bytes)).toEqual([11]);
    expect(second[0]!.entry.sha256).not.toBe(first[0]!.entry.sha256);
  });
});
