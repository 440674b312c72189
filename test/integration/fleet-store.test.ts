/** One fleet, one checkpoint store: whoever has another one is told so, and takes no work. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest";
import { adoptStore, FleetStore, settleGeneration } from "../../src/batch/batch.ts";
import { openStore, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { findFreePort } from "../../src/launch/private-redis.ts";
import { checkpointCommit, type BatchBench } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";
import { runCairn, startCairn, type Running } from "../support/cairn-command.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-fleet-store-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the store of a fleet", () => {
  let batch: BatchBench;
  it.beforeEach(async ({ batch: opened }) => {
    batch = opened;
    await batch.redis.del(batch.keys.generation, batch.keys.store);
  });

  const storeAt = (name: string): CheckpointStore => openStore(`file:${join(folder, name)}`);
  const seenBy = (store: CheckpointStore): FleetStore =>
    new FleetStore({ redis: batch.redis, keys: batch.keys, store, who: "worker w1 on a host" });

  it("FS1: is the first one's, however many come at once; the others are refused", async () => {
    const results = await Promise.allSettled(["a", "b", "a", "b"].map((name) => seenBy(storeAt(name)).demand()));
    const accepted = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
    expect(new Set(accepted).size).toBe(1);
    expect(accepted).toHaveLength(2);
    for (const { name, message } of refused) {
      expect(name).toBe("ForeignStore");
      for (const part of [storeAt("a").url, storeAt("b").url, "worker w1 on a host", "CAIRN_STORE"]) {
        expect(message).toContain(part);
      }
    }
  });

  it("FS4: is not told from an empty folder by writing into it", async () => {
    await seenBy(storeAt("ours")).demand();
    await expect(seenBy(storeAt("forgotten")).demand()).rejects.toThrow("this fleet uses another one");
    expect(existsSync(join(folder, "forgotten"))).toBe(false);
  });

  it("is known under another address, and after it was copied as a whole", async () => {
    const id = await seenBy(storeAt("ours")).demand();
    await cp(join(folder, "ours"), join(folder, "copy"), { recursive: true });
    expect(await seenBy(storeAt("copy")).demand()).toBe(id);
  });

  it("FS2: of before there were ids is known by its generation", async () => {
    const ours = storeAt("ours");
    await settleGeneration(batch.redis, batch.keys, ours);
    await ours.delete("IDENTITY.json");
    await batch.redis.del(batch.keys.store);
    await expect(seenBy(storeAt("another")).demand()).rejects.toThrow("its generation of fences is not there");
    expect(await seenBy(ours).look()).toEqual({ kind: "free" });
    await seenBy(ours).demand();
    await expect(seenBy(storeAt("another")).demand()).rejects.toThrow(ours.url);
  });

  it("is noted again when Redis has lost its memory, with the generation", async () => {
    const id = await seenBy(storeAt("ours")).demand();
    await batch.redis.del(batch.keys.store, batch.keys.generation);
    await settleGeneration(batch.redis, batch.keys, storeAt("ours"));
    expect(await seenBy(storeAt("ours")).look()).toEqual({ kind: "ours", id });
  });

  it("AS1: is not changed while a job would lose its checkpoints, and AS2 keeps the generations apart", async () => {
    const { redis, keys } = batch;
    await seenBy(storeAt("ours")).demand();
    const generation = await settleGeneration(redis, keys, storeAt("ours"));
    const job = await batch.created();
    const { fence } = await batch.lease("w1");
    const commit = checkpointCommit(1, null);
    await batch.deskOf("w1").commit(job, fence, 1, commit);
    const next = storeAt("next");
    const adopt = (): ReturnType<typeof adoptStore> => adoptStore({ redis, keys, store: next, who: "an operator" });
    expect(await adopt()).toEqual({ kind: "lacking", jobs: [job] });
    await next.create(commit.manifest, Buffer.from("copied"));
    expect(await adopt()).toEqual({ kind: "adopted" });
    expect(await seenBy(next).look()).toMatchObject({ kind: "ours" });
    expect(await seenBy(storeAt("ours")).look()).toMatchObject({ kind: "another" });
    await redis.del(keys.generation);
    expect(await settleGeneration(redis, keys, next)).toBeGreaterThan(generation);
  });
});

describe("a worker with another store than its fleet", () => {
  let fleet: Fleet;
  let running: Running | null = null;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1 });
  });
  afterEach(async () => {
    running?.child.kill("SIGKILL");
    await running?.ended;
    running = null;
  });
  afterAll(() => fleet.stop());

  const envOf = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    CAIRN_REDIS_URL: fleet.redis.url,
    CAIRN_DATA: folder,
    CAIRN_LOG_LEVEL: "info",
    ...more,
  });

  it("ends and says which store it has, which the fleet uses and what to do; so do an API and doctor", async () => {
    const [theirs, mine] = [`file:${fleet.folder}/store`, `file:${folder}/store`];
    for (const program of ["worker", "api"]) {
      running = startCairn([program], { env: envOf({ CAIRN_PORT: "0" }) });
      await eventually(`${program} has said it`, () =>
        `${running!.out()}${running!.err()}`.includes("uses another one"),
      );
      const said = `${running.out()}${running.err()}`;
      for (const part of [theirs, mine, "Set CAIRN_STORE"]) expect(said).toContain(part);
      expect(said).not.toContain("worker ready");
      expect(await running.ended).toMatchObject({ code: 1 });
      if (program === "api") {
        expect(`${running.out()}${running.err()}`.match(/uses another one/g)).toHaveLength(2); // Message and trace of one entry.
      }
    }
    const doctor = await runCairn(["doctor"], { env: envOf() });
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/^fail {2}store of the fleet +.+another one/m);
    expect(existsSync(join(folder, "store"))).toBe(false);
  });

  it("MW3: is not ready while its store does not answer, and says what it waits for", async () => {
    const port = await findFreePort();
    const env = envOf({ CAIRN_STORE: `http://127.0.0.1:${port}`, CAIRN_REDIS_PREFIX: "fresh" });
    running = startCairn(["worker"], { env });
    await eventually("it says so", () => running!.out().includes("waiting for the checkpoint store"));
    expect(running.out()).not.toContain("worker ready");
    const store = startCairn(["store"], {
      env: { ...env, CAIRN_STORE: `file:${folder}/s`, CAIRN_STORE_PORT: String(port) },
    });
    try {
      await eventually("it is ready with it", () => running!.out().includes("worker ready"));
    } finally {
      store.child.kill("SIGTERM");
      await store.ended;
    }
  });

  it("is not made the fleet's while workers run", async () => {
    const adopting = await runCairn(["doctor", "--adopt-store"], { env: envOf() });
    expect(adopting).toMatchObject({ code: 1 });
    expect(adopting.err).toContain("w1");
    expect(await runCairn(["doctor", "--adopt-store"], { env: envOf({ CAIRN_DATA: fleet.folder }) })).toMatchObject({
      code: 0,
    });
  });
});
