/**
 * A disk that is full, the store's or the worker's own, costs checkpoints or time, never the job: a small filesystem in
 * memory, filled up and emptied again. Only root can mount one.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/checkpoints.ts";
import { countDigest } from "../support/fleet.ts";
import { TestJob } from "../support/keeper-agent.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";

const STEPS = 100;
const wishes = { steps: STEPS, stepMs: 20, stateBytes: 1_000_000 };
const input = JSON.stringify(wishes);

if (!canMount()) console.warn("disk-full.test.ts is left out: only root can mount the small file system it fills up");

describe.skipIf(!canMount())("a disk that is full", { timeout: 150_000 }, () => {
  let job: TestJob;
  let disk: SmallDisk | null = null;
  beforeEach(async () => {
    disk = null;
    job = await TestJob.create({ input, intervalMs: 150 });
  });
  afterEach(async () => {
    for (const attempt of job.attempts) await attempt.close();
    disk?.unmount();
    await job.close();
  });

  const mountAt = (folder: string): string => {
    disk = new SmallDisk(folder);
    return folder;
  };
  const fill = async (leave = 0): Promise<void> => disk?.fill(leave);
  const makeRoom = async (): Promise<void> => disk?.makeRoom();
  /** What the agent was told of checkpoints that could not be taken. */
  const drops = () => job.attempts.flatMap(({ requests }) => requests.filter(({ kind }) => kind === "dropped"));
  const succeeds = async (attempt = job.attempts.at(-1)): Promise<void> => {
    const end = await attempt?.over();
    expect(end).toMatchObject({
      kind: "succeeded",
      output: JSON.stringify({ steps: STEPS, digest: countDigest(STEPS) }),
    });
  };
  /** Until the task has gone on for the time of some checkpoints. */
  const goesOn = async (): Promise<void> => {
    const attempt = job.attempts.at(-1);
    const from = attempt?.progress.at(-1) ?? 0;
    await attempt?.until("the task goes on", () => (attempt.progress.at(-1) ?? 0) >= from + 30);
  };

  it("under the store: the task goes on, what was committed stays whole, and so does what comes after", async () => {
    mountAt(join(job.root, "store"));
    const attempt = job.attempt();
    await attempt.until("it has a checkpoint", () => job.commits.length > 0);
    await fill();
    await goesOn();
    const last = job.commits.at(-1);
    const opening = await openCheckpoint(job.store, last?.manifest ?? "", last?.manifestSha256 ?? "");
    if (opening.kind !== "ok") throw new Error(opening.detail);
    await opening.checkpoint.restoreTo(join(job.root, "checked"));
    await attempt.until("it tells of a checkpoint that was dropped", () => drops().length > 0);
    expect(drops()[0]).toMatchObject({ n: 1, why: "no_room" });
    const before = job.commits.length;
    await makeRoom();
    await attempt.until("a checkpoint is committed again", () => job.commits.length > before);
    await succeeds();
  });

  it("under the worker: a state that cannot be saved is not the task's failure", async () => {
    const workFolder = join(mountAt(join(job.root, "disk")), "work");
    const attempt = job.attempt({ workFolder });
    await attempt.until("it has a checkpoint", () => job.commits.length > 0);
    await fill();
    await goesOn();
    await attempt.until("it tells of a checkpoint that was dropped", () => drops().length > 0);
    expect(drops()[0]).toMatchObject({ n: 1, why: "no_room" });
    const before = job.commits.length;
    await makeRoom();
    await attempt.until("a checkpoint is committed again", () => job.commits.length > before);
    await succeeds();
  });

  it("under the worker, when it is to continue: it waits for room, and no checkpoint is set aside", async () => {
    const first = job.attempt();
    await first.until("it has a checkpoint", () => job.commits.length > 0);
    first.tell({ kind: "stop", intent: "yield", graceMs: 5_000 });
    await first.over();
    const workFolder = join(mountAt(join(job.root, "disk")), "work");
    await fill();
    const second = job.attempt({ workFolder });
    await second.until("it has begun", () => second.messages.length > 1);
    await makeRoom();
    await second.until("it continues", () => second.restoredFrom !== undefined);
    expect(second.restoredFrom).toBe(job.commits.at(-1)?.seq);
    expect(job.setAside).toEqual([]);
    await succeeds();
  });

  it("nearly: a checkpoint is taken while there is room for it, long before the next is due", async () => {
    const workFolder = join(mountAt(join(job.root, "disk")), "work");
    const attempt = job.attempt({
      workFolder,
      intervalMs: 600_000,
      input: JSON.stringify({ ...wishes, steps: 1_000 }),
    });
    await attempt.until("it computes", () => attempt.progress.length > 0);
    attempt.tell({ kind: "checkpoint" });
    await attempt.until("it has a checkpoint", () => job.commits.length > 0);
    await fill(4_000_000);
    await attempt.until("it has another one", () => job.commits.length > 1);
    attempt.tell({ kind: "stop", intent: "cancel", graceMs: 1_000 });
    await attempt.over();
  });

  it("in the middle of a step: the attempt lets go, and it is nobody's failure", async () => {
    const taskModules = [fileURLToPath(new URL("../support/batch-tasks.mjs", import.meta.url))];
    const attempt = job.attempt({ task: "cramped", input: "{}", taskModules });
    expect(await attempt.over()).toEqual({ kind: "interrupted", why: "disk_full" });
  });
});
