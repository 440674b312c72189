/** Jobs joined by an artifact, on real processes: what one program has made is the input file of another. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../src/contract/job.ts";
import { explainJob } from "../../src/cli/explain-job.ts";
import { Fleet } from "../support/fleet.ts";

const PROGRAMS = fileURLToPath(new URL("../support/programs/artifacts.yaml", import.meta.url));
const MEBIBYTE = 1_048_576;

/** What `make` writes. */
function meshSum(bytes: number): string {
  const line = "a line of the mesh\n";
  return createHash("sha256")
    .update(line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes))
    .digest("hex");
}

describe("jobs joined by an artifact", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 2, settings: { CAIRN_PROGRAMS: PROGRAMS } });
  });
  afterAll(() => fleet.stop());

  const make = async (input: object): Promise<string> => {
    const { job } = await fleet.client.submit({ task: "make", input: { name: "mesh.dat", bytes: 1_000, ...input } });
    return job.id;
  };
  const made = async (input: object = {}): Promise<string> => {
    const id = await make(input);
    expect(await fleet.client.wait(id, { timeoutMs: 60_000 })).toMatchObject({ state: "succeeded" });
    return id;
  };
  const use = async (from: string, input: object = {}, task = "use"): Promise<Job> => {
    const { job } = await fleet.client.submit({ task, input: { from, name: "mesh.dat", steps: 1, ...input } });
    return fleet.client.wait(job.id, { timeoutMs: 60_000 });
  };
  /** Failed at its first attempt, saying `why`; `cairn explain` says it too. */
  const expectFailed = (job: Job, why: string): void => {
    expect(job).toMatchObject({ state: "failed", attempts: 1, error: { code: "task_failed" } });
    expect(job.error?.detail).toContain(`files.in.dat: ${why}`);
    const nothing = {
      attempts: [],
      dependencies: [],
      workers: [],
      task: null,
      lastWords: [],
      brake: null,
      orders: [],
    } as const;
    const told = explainJob({ job, ...nothing, nowMs: Date.now(), typed: "cairn" });
    expect(told.join("\n")).toContain(why);
  };

  it.concurrent("the child waits for its parent, and has its file, however large", async () => {
    const bytes = 32 * MEBIBYTE;
    const parent = await make({ bytes });
    const { job } = await fleet.client.submit({
      task: "use",
      input: { from: parent, name: "mesh.dat", steps: 6 },
      dependsOn: [parent],
    });
    expect(await fleet.client.wait(job.id, { timeoutMs: 60_000 })).toMatchObject({
      state: "succeeded",
      output: meshSum(bytes),
    });
    expectFailed(
      await use(parent, {}, "use-small"),
      `the artifact mesh.dat of job ${parent} has ${bytes} bytes, more than ${MEBIBYTE}; raise maxBytes`,
    );
  });

  it.concurrent(
    "what is not there is said in a sentence, with what to do: another name, a job that runs, has failed, is gone",
    async () => {
      const [parent, waiting, failed] = await Promise.all([made(), make({ waits: true }), make({ fails: true })]);
      const waits = { task: "use", input: { from: failed, name: "mesh.dat", steps: 1 }, dependsOn: [failed] };
      expect(await fleet.client.submitAndWait(waits, { timeoutMs: 60_000 })).toMatchObject({
        state: "cancelled",
        reason: "dependency_failed",
      });
      await fleet.job(waiting, "runs", ({ state }) => state === "running");
      const [misspelt, early, orphan] = await Promise.all([
        use(parent, { name: "mash.dat" }),
        use(waiting),
        use(failed),
      ]);
      expectFailed(
        misspelt,
        `job ${parent} has succeeded without an artifact mash.dat; it has mesh.dat (was mesh.dat meant?): submit this job again with a name of these`,
      );
      expectFailed(
        early,
        `job ${waiting} is running and has published no artifact mesh.dat yet; retry this job when that one has succeeded, and next time let it wait (dependsOn)`,
      );
      expectFailed(
        orphan,
        `job ${failed} is failed, without an artifact mesh.dat; retry that one, and when it has succeeded this one`,
      );
      await fleet.client.cancel(waiting, { waitMs: 20_000 });
      const runAt = new Date(Date.now() + 3_600_000).toISOString();
      const input = { from: parent, name: "mesh.dat", steps: 1 };
      const { job: later } = await fleet.client.submit({ task: "use", input, runAt });
      await expect(fleet.client.remove(parent)).rejects.toMatchObject({
        problem: { code: "needed", detail: expect.stringContaining(`job ${later.id} has not ended`) as string },
      });
      await fleet.client.cancel(later.id);
      await fleet.client.remove(parent);
      expectFailed(await use(parent), `there is no job "${parent}" with an artifact mesh.dat: it was deleted`);
    },
  );

  it.concurrent(
    "an artifact that is damaged in the store is not believed; a retry of its job makes it anew",
    async () => {
      const parent = await made();
      const object = await objectOf(fleet.folder, parent);
      const whole = await readFile(object);
      await writeFile(object, Buffer.from(whole.map((byte, at) => (at === 500 ? byte ^ 1 : byte))));
      const child = await use(parent);
      expectFailed(child, `the artifact mesh.dat of job ${parent} is damaged: its SHA-256 is `);
      expect(child.error?.detail).toContain("retry that job, which makes it anew, and when it has succeeded this one");
      await fleet.client.retry(parent);
      await fleet.client.wait(parent, { timeoutMs: 60_000 });
      expect(await readFile(object)).toEqual(whole);
      await fleet.client.retry(child.id);
      expect(await fleet.client.wait(child.id, { timeoutMs: 60_000 })).toMatchObject({ state: "succeeded" });
    },
  );

  // The last one: others would lose their worker too.
  it("a child whose worker is killed in the middle has the file again on another one", async () => {
    const parent = await made();
    const { job } = await fleet.client.submit({ task: "use", input: { from: parent, name: "mesh.dat", steps: 40 } });
    const running = await fleet.running(job.id);
    await fleet.signal(running.worker, "SIGKILL");
    expect(await fleet.client.wait(job.id, { timeoutMs: 60_000 })).toMatchObject({
      state: "succeeded",
      output: meshSum(1_000),
    });
    const [first, second] = await fleet.attempts(job.id);
    expect(first).toMatchObject({ outcome: "lost", worker: running.worker });
    expect(second?.fromCheckpoint).toBeGreaterThan(0);
    expect(second?.worker).not.toBe(running.worker);
  });
});

async function objectOf(folder: string, job: string): Promise<string> {
  const artifact = join(folder, "store", "jobs", job, "artifacts", "mesh.dat");
  expect(existsSync(artifact)).toBe(true);
  const [version = ""] = await readdir(artifact);
  return join(artifact, version);
}
