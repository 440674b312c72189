/**
 * What every checkpoint store must do, whatever it is made of. One suite, run for each kind.
 *
 * A kind brings a way to make a fresh store, and a way to damage what is stored, as a bad disk would.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  CheckpointGarbage,
  openCheckpoint,
  StoreFault,
  storeNames,
  handedOver,
  writeCheckpoint,
  type CheckpointStore,
  type OpenedCheckpoint,
  type WrittenCheckpoint,
} from "../../src/checkpoints/checkpoints.ts";
import { noFaults } from "../../src/runtime/fault-points.ts";

export interface StoreKind {
  readonly name: string;
  open(): Promise<StoreUnderTest>;
}

export interface StoreUnderTest {
  readonly store: CheckpointStore;
  /** A second client of the same store, as another process would have. */
  readonly other: CheckpointStore;
  /** Replaces the content of a name behind the store's back. */
  damage(name: string, change: (content: Buffer) => Buffer): Promise<void>;
  close(): Promise<void>;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const job = "01hzzzzzzzzzzzzzzzzzzzzzzz";
const fence = (counter: number) => ({ generation: 1, counter, token: `t${counter}` });

export async function contentOf(store: CheckpointStore, name: string): Promise<Buffer | null> {
  const stream = await store.get(name);
  if (stream === null) return null;
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

async function namesOf(store: CheckpointStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.list(prefix)) names.push(name);
  return names;
}

export function describeStore(kind: StoreKind): void {
  describe(`a checkpoint store: ${kind.name}`, () => {
    let under: StoreUnderTest;
    let store: CheckpointStore;
    let folder: string;
    beforeEach(async () => {
      under = await kind.open();
      store = under.store;
      folder = await mkdtemp(join(tmpdir(), "cairn-conformance-"));
    });
    afterEach(async () => {
      await under.close();
      await rm(folder, { recursive: true, force: true });
    });

    test("gives back what was stored, from memory and from a file, also nothing and much", async () => {
      for (const size of [0, 1, 5_000_000]) {
        const bytes = randomBytes(size);
        await writeFile(join(folder, "source"), bytes);
        expect(await store.create(`m/${size}`, bytes)).toEqual({ kind: "created", bytes: size, sha256: sha256(bytes) });
        expect(await store.create(`f/${size}`, { file: join(folder, "source") })).toMatchObject({ kind: "created" });
        expect(sha256((await contentOf(store, `m/${size}`))!)).toBe(sha256(bytes));
        expect(sha256((await contentOf(under.other, `f/${size}`))!)).toBe(sha256(bytes));
        expect(await store.stat(`m/${size}`)).toEqual({ name: `m/${size}`, bytes: size });
      }
    });

    test("says of what it does not have that it does not", async () => {
      await store.create("a/b", Buffer.from("x"));
      expect(await store.get("a/c")).toBeNull();
      expect(await store.stat("a")).toBeNull();
      expect(await store.stat("a/b/c")).toBeNull();
      await store.delete("a/c");
    });

    test("B1: of many that create a name at once one does, and its content stands", async () => {
      const contents = Array.from({ length: 12 }, (_, n) => Buffer.from(`writer ${n}`.repeat(1_000)));
      const outcomes = await Promise.all(
        contents.map((content, n) => (n % 2 === 0 ? store : under.other).create("race/one", content)),
      );
      const winners = outcomes.flatMap((outcome, n) => (outcome.kind === "created" ? [n] : []));
      expect(winners).toHaveLength(1);
      expect((await contentOf(store, "race/one"))?.equals(contents[winners[0]!]!)).toBe(true);
      expect(await store.create("race/one", Buffer.from("late"))).toEqual({ kind: "exists" });
      expect((await contentOf(store, "race/one"))?.equals(contents[winners[0]!]!)).toBe(true);
    });

    test("B4: content that is not what was announced is refused, and nothing is stored", async () => {
      const wrong = store.create("n/x", Buffer.from("this"), { sha256: sha256(Buffer.from("that")) });
      await expect(wrong).rejects.toMatchObject({ name: "StoreFault", reason: "changed" });
      expect(await store.stat("n/x")).toBeNull();
    });

    test("lists names by prefix, in order, and not what it is about to write", async () => {
      const names = ["p/a", "p/a.b/c", "p/a/x", "p/b", "p2/a", "q"].filter((name) => name !== "p/a");
      for (const name of names) await store.create(name, Buffer.from(name));
      expect(await namesOf(store, "p/")).toEqual(["p/a.b/c", "p/a/x", "p/b"]);
      expect(await namesOf(store, "p")).toEqual(["p/a.b/c", "p/a/x", "p/b", "p2/a"]);
      expect(await namesOf(store, "p/a")).toEqual(["p/a.b/c", "p/a/x"]);
      expect(await namesOf(store, "")).toEqual(names);
      expect(await namesOf(store, "none/")).toEqual([]);
      for await (const name of store.list("p/")) await store.delete(name);
      expect(await namesOf(store, "")).toEqual(["p2/a", "q"]);
    });

    test("a name may be created again after it was deleted, also while others are deleted beside it", async () => {
      for (let round = 0; round < 20; round += 1) {
        await store.create("d/x/one", Buffer.from("1"));
        await Promise.all([store.delete("d/x/one"), under.other.create("d/x/two", Buffer.from("2"))]);
        expect(await store.stat("d/x/two")).not.toBeNull();
        await store.delete("d/x/two");
      }
      expect(await namesOf(store, "")).toEqual([]);
    });

    test("a file is stored under the name that its content asks for, or not at all", async () => {
      const file = join(folder, "file");
      const content = randomBytes(9_500_000); // On S3 more than one part.
      await writeFile(file, content);
      const known = { bytes: content.length, sha256: sha256(content) };
      const nameOf = (found: { readonly sha256: string }): string => storeNames.objectName(job, found.sha256, fence(1));
      const name = nameOf(known);
      expect(await store.createNamed(file, () => null)).toEqual({ kind: "not_needed", name: null, ...known });
      expect(await namesOf(store, "")).toEqual([]);
      expect(await store.createNamed(file, nameOf)).toEqual({ kind: "created", name, ...known });
      expect(await under.other.createNamed(file, nameOf)).toEqual({ kind: "exists", name, ...known });
      expect(sha256((await contentOf(under.other, name))!)).toBe(known.sha256);
      await expect(store.createNamed(join(folder, "none"), nameOf)).rejects.toThrow(StoreFault);
      await expect(store.createNamed(file, () => "../out")).rejects.toThrow(TypeError);
    });

    test("B6: a file that it may keep is still there and unchanged, and what becomes of its name is no matter", async () => {
      const [file, content] = [join(folder, "file"), randomBytes(1_500_000)];
      await writeFile(file, content);
      const name = `objects/${sha256(content)}`;
      const known = { name, bytes: content.length, sha256: sha256(content) };
      expect(await store.createNamed(file, () => null, { rights: "keep" })).toEqual({
        ...known,
        kind: "not_needed",
        name: null,
      });
      expect(await store.createNamed(file, () => name, { rights: "keep" })).toEqual({ kind: "created", ...known });
      expect(await under.other.createNamed(file, () => name, { rights: "keep" })).toEqual({ kind: "exists", ...known });
      expect(sha256(await readFile(file))).toBe(known.sha256);
      await writeFile(join(folder, "next"), "the next one");
      await rename(join(folder, "next"), file);
      expect(sha256((await contentOf(under.other, name))!)).toBe(known.sha256);
      await rm(file);
      expect(sha256((await contentOf(store, name))!)).toBe(known.sha256);
      await expect(store.createNamed(file, () => name, { rights: "keep" })).rejects.toThrow(StoreFault);
    });

    test.each(["", "/etc/passwd", "a/../b", "..", "a//b", "a/", ".hidden", "a/.tmp", "a\0b", "a\\b", "a/b c"])(
      "refuses %j as a name",
      async (name) => {
        await expect(store.create(name, Buffer.from("x"))).rejects.toThrow(TypeError);
        await expect(store.get(name)).rejects.toThrow(TypeError);
        await expect(store.delete(name)).rejects.toThrow(TypeError);
      },
    );

    describe("with checkpoints", () => {
      const write = async (
        files: Record<string, string | Buffer>,
        options: { seq: number; counter?: number; parent?: WrittenCheckpoint | null },
      ): Promise<WrittenCheckpoint> => {
        const source = await mkdtemp(join(folder, "state-"));
        for (const [name, content] of Object.entries(files)) await writeFile(join(source, name), content);
        return writeCheckpoint(store, await handedOver(source), {
          job,
          task: "count",
          checkpointVersion: 1,
          seq: options.seq,
          fence: fence(options.counter ?? 1),
          attempt: 1,
          parent: options.parent ?? null,
          progress: null,
          createdAt: "2026-01-01T00:00:00.000Z",
          trial: 0,
          artifacts: [],
        });
      };
      const opened = async (written: WrittenCheckpoint): Promise<OpenedCheckpoint> => {
        const opening = await openCheckpoint(under.other, written.name, written.sha256);
        if (opening.kind !== "ok") throw new Error(opening.detail);
        return opening.checkpoint;
      };

      test("one that was written is read back, whole and by file", async () => {
        const big = randomBytes(3_000_000);
        const written = await write({ "a.txt": "A", "big.bin": big, empty: "" }, { seq: 1 });
        const checkpoint = await opened(written);
        expect(checkpoint.manifest).toEqual(written.manifest);
        expect(checkpoint.manifest.files.map((file) => file.name)).toEqual(["a.txt", "big.bin", "empty"]);
        expect(Buffer.from(await checkpoint.read("a.txt")).toString()).toBe("A");
        expect(sha256(await checkpoint.read("big.bin"))).toBe(sha256(big));
        await expect(checkpoint.read("none")).rejects.toThrow(RangeError);
      });

      test("C2: what the parent has is not stored again", async () => {
        const first = await write({ same: "static input", state: "1" }, { seq: 1 });
        const second = await write({ same: "static input", state: "2" }, { seq: 2, counter: 2, parent: first });
        expect(await namesOf(store, storeNames.objectFolder(job))).toHaveLength(3);
        expect(second.manifest.parent).toEqual({ seq: 1, manifest: first.name, sha256: first.sha256 });
        expect(Buffer.from(await (await opened(second)).read("same")).toString()).toBe("static input");
      });

      test.each([
        ["a flipped bit", (content: Buffer) => Buffer.concat([Buffer.from([content[0]! ^ 1]), content.subarray(1)])],
        ["a file cut off", (content: Buffer) => content.subarray(0, -1)],
        ["a file grown", (content: Buffer) => Buffer.concat([content, Buffer.from("x")])],
        ["an emptied file", () => Buffer.alloc(0)],
      ])("E1: %s is noticed, in a file and in the manifest", async (_, change) => {
        const written = await write({ state: randomBytes(100_000) }, { seq: 1 });
        const checkpoint = await opened(written);
        await under.damage(written.manifest.files[0]!.object, change);
        await expect(checkpoint.read("state")).rejects.toMatchObject({ name: "CheckpointDamaged" });
        await expect(checkpoint.restoreTo(join(folder, "restored"))).rejects.toMatchObject({
          name: "CheckpointDamaged",
        });
        await under.damage(written.name, change);
        expect(await openCheckpoint(store, written.name, written.sha256)).toMatchObject({ kind: "damaged" });
      });

      test("M1: a whole manifest that is not the committed one is refused", async () => {
        const first = await write({ state: "1" }, { seq: 1 });
        const second = await write({ state: "2" }, { seq: 2 });
        expect(await openCheckpoint(store, second.name, first.sha256)).toMatchObject({ kind: "damaged" });
        expect(await openCheckpoint(store, "jobs/x/checkpoints/none", first.sha256)).toMatchObject({ kind: "absent" });
      });

      test("G1: garbage goes with the objects that only it names", async () => {
        const first = await write({ same: "static", state: "1" }, { seq: 1 });
        const second = await write({ same: "static", state: "2" }, { seq: 2, parent: first });
        const garbage = new CheckpointGarbage(store, job, fence(1), noFaults);
        expect(await garbage.collect([first.name], [second.name])).toBe(2);
        expect(Buffer.from(await (await opened(second)).read("same")).toString()).toBe("static");
        expect(await openCheckpoint(store, first.name, null)).toMatchObject({ kind: "absent" });
      });

      test("G1: nothing goes while a kept manifest cannot be read, and it goes later", async () => {
        const first = await write({ state: "1" }, { seq: 1 });
        const second = await write({ state: "2" }, { seq: 2, parent: first });
        const third = await write({ state: "3" }, { seq: 3, parent: second });
        const garbage = new CheckpointGarbage(store, job, fence(1), noFaults);
        await under.damage(second.name, () => Buffer.from("rot"));
        expect(await garbage.collect([first.name], [second.name, third.name])).toBe(0);
        expect(await garbage.collect([], [third.name])).toBe(2);
      });

      test("G2: what an older attempt left uncommitted goes, what a newer one is writing stays", async () => {
        const first = await write({ state: "1" }, { seq: 1, counter: 1 });
        const left = await write({ state: "left" }, { seq: 2, counter: 1, parent: first });
        const mine = await write({ state: "2" }, { seq: 2, counter: 2, parent: first });
        const newer = await write({ state: "left" }, { seq: 3, counter: 3, parent: mine });
        await new CheckpointGarbage(store, job, fence(2), noFaults).collect([], [first.name, mine.name]);
        expect(await openCheckpoint(store, left.name, null)).toMatchObject({ kind: "absent" });
        for (const kept of [first, mine, newer]) await (await opened(kept)).read("state");
      });

      test("a store that does not answer is a fault, not damage", async () => {
        const written = await write({ state: "1" }, { seq: 1 });
        const broken: CheckpointStore = {
          ...bound(store),
          get: () => Promise.reject(new StoreFault("unavailable", "no answer")),
        };
        await expect(openCheckpoint(broken, written.name, written.sha256)).rejects.toThrow("no answer");
      });
    });
  });
}

/** The methods of a store as an object that can be spread. */
function bound(store: CheckpointStore): CheckpointStore {
  return {
    url: store.url,
    create: (name, source, expected) => store.create(name, source, expected),
    createNamed: (file, nameOf, options) => store.createNamed(file, nameOf, options),
    copyTo: (name, file) => store.copyTo(name, file),
    get: (name) => store.get(name),
    stat: (name) => store.stat(name),
    list: (prefix) => store.list(prefix),
    delete: (name) => store.delete(name),
    sweep: () => store.sweep(),
  };
}
