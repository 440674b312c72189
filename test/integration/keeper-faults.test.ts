import { mkdir, readFile, readdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { makeIdentity, openCheckpoint, settleOutcome } from "../../src/checkpoints/checkpoints.ts";
import { machineMs } from "../../workers/keeper/lease-touch.ts";
import { eventually } from "../support/eventually.ts";
import { groupMembers, TestJob, type TestAttempt, type Wishes } from "../support/keeper-agent.ts";

const TASKS = fileURLToPath(new URL("../support/batch-tasks.mjs", import.meta.url));
const counting = (more: Wishes = {}): Wishes => ({
  input: JSON.stringify({ steps: 200, stepMs: 5 }),
  intervalMs: 150,
  ...more,
});
const endless = (more: Wishes = {}): Wishes =>
  counting({ input: JSON.stringify({ steps: 1_000_000, stepMs: 5 }), ...more });
const busy: Wishes = { task: "busy", taskModules: [TASKS], input: JSON.stringify({ ms: 300_000 }) };

let job: TestJob;
afterEach(() => job.close());

describe("Q2: when the agent is gone", () => {
  test("the runner ends with all that it started, though it is in the middle of a long step", async () => {
    const attempt = await inAStep();
    attempt.keeper.disconnect();
    expect(await attempt.over()).toBeNull();
  });

  test("and the keeper too, without a word, the same", async () => {
    const attempt = await inAStep();
    await attempt.killKeeper();
  });

  test("a keeper does not mind signals meanwhile: they are the agent's affair", async () => {
    job = await TestJob.create(counting());
    const attempt = job.attempt();
    await attempt.until("it computes", () => attempt.progress.length > 0);
    attempt.keeper.kill("SIGINT");
    attempt.keeper.kill("SIGTERM");
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
  });
});

describe("Q3: after the lease is lost", () => {
  test("abandon ends everything, and nothing more is asked or published", async () => {
    const attempt = await atWork(2);
    const requests = attempt.requests.length;
    attempt.tell({ kind: "abandon" });
    expect(await attempt.over()).toBeNull();
    expect(attempt.requests.length - requests).toBeLessThanOrEqual(1); // One may have been on its way.
    expect(await job.names("OUTCOME")).toEqual([]);
  });

  test("a refused commit does the same", async () => {
    const first = await atWork(1);
    first.answering = (request) => (request.kind === "commit" ? { kind: "refused", detail: "fence" } : null);
    expect(await first.over()).toBeNull();
    expect(first.requests.at(-1)?.kind).toBe("commit");
  });

  test("a finished job whose lease is gone writes no outcome", async () => {
    job = await TestJob.create(counting());
    const attempt = job.attempt();
    attempt.answering = (request) => (request.kind === "verify" ? { kind: "refused", detail: "fence" } : null);
    expect(await attempt.over()).toBeNull();
    expect(await job.names("OUTCOME")).toEqual([]);
  });
});

describe("while Redis is away", () => {
  test("CN2: a finished job keeps its result and says it when it can", async () => {
    job = await TestJob.create(counting());
    const attempt = job.attempt();
    let refusals = 3;
    attempt.answering = ({ kind }) =>
      (kind === "verify" || kind === "end") && refusals-- > 0 ? { kind: "unreachable", detail: "away" } : null;
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(job.ends).toHaveLength(1);
  });

  test("the program goes on, and the checkpoint is committed afterwards", async () => {
    job = await TestJob.create(counting());
    const attempt = job.attempt();
    let away = true;
    attempt.answering = ({ kind }) => (kind === "commit" && away ? { kind: "unreachable", detail: "away" } : null);
    await attempt.until("commits are asked for again", () => attempt.requests.length >= 3);
    away = false;
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(attempt.requests[0]).toEqual(attempt.requests[1]);
  });
});

describe("time limits", () => {
  test("an attempt that takes too long is ended and has failed", async () => {
    job = await TestJob.create({ ...busy, timeoutMs: 1_500 });
    expect(await job.attempt().over()).toMatchObject({ kind: "failed", fault: "timed_out" });
  });

  test("a runner that does not let go within its grace is ended; the last checkpoint counts", async () => {
    const attempt = await inAStep();
    attempt.tell({ kind: "stop", intent: "stop", graceMs: 700 });
    expect(await attempt.over()).toEqual({ kind: "interrupted", why: null });
  });

  test("a runner that somebody has stopped (SIGSTOP) is taken for lost", async () => {
    const attempt = await atWork(1);
    process.kill(attempt.runnerPid!, "SIGSTOP");
    expect(await attempt.over()).toMatchObject({
      kind: "runner_lost",
      detail: expect.stringContaining("SIGSTOP") as string,
    });
  });

  test("a task that is asked to stop before it stands is let go at once", async () => {
    job = await TestJob.create(endless());
    const attempt = job.attempt();
    attempt.tell({ kind: "stop", intent: "yield", graceMs: 60_000 });
    expect(await attempt.over()).toEqual({ kind: "interrupted", why: null });
  });
});

describe("the store", () => {
  const store = (): string => join(job.root, "store");
  /** In one step, as `block`: a store that is not there for a moment would be made anew by the keeper. */
  const mount = async (): Promise<void> => {
    await mkdir(`${store()}.real`, { recursive: true });
    await symlink(`${store()}.real`, `${store()}.link`);
    await rename(`${store()}.link`, store());
  };
  const block = async (): Promise<void> => {
    await writeFile(`${store()}.file`, "");
    await rename(`${store()}.file`, store());
  };

  test("CK3: that takes nothing for a while costs checkpoints, not the job", async () => {
    job = await TestJob.create(counting());
    await mount();
    const attempt = job.attempt();
    await attempt.until("a checkpoint", () => job.commits.length >= 1);
    await block();
    const before = attempt.progress.length;
    await attempt.until("steps are done all the same", () => attempt.progress.length > before + 2);
    await mount();
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(job.commits.map(({ seq }) => seq)).toEqual(job.commits.map((_, n) => n + 1));
    expect(await job.log(1)).toContain("a checkpoint failed");
  });

  test("CN2: that is away at the end is waited for", async () => {
    job = await TestJob.create(counting({ intervalMs: 60_000 }));
    await mount();
    const attempt = job.attempt();
    await attempt.until("it computes", () => attempt.progress.length > 0);
    await block();
    await attempt.until("it is done", () => attempt.progress.at(-1) === 200);
    await attempt.until("it asks whether it may say so", () => attempt.requests.length > 0);
    await mount();
    expect(await attempt.over()).toMatchObject({ kind: "succeeded" });
    expect(await job.names("OUTCOME")).toHaveLength(1);
  });

  test("RS3: that is away at the beginning is waited for, and no checkpoint is set aside for it", async () => {
    await interrupted(1);
    // A manifest that is a folder can be opened and not be read: what a sick disk does.
    const folder = join(store(), "jobs", job.id, "checkpoints");
    await rename(folder, `${folder}.away`);
    for (const { manifest } of job.candidates) await mkdir(join(store(), manifest), { recursive: true });
    const second = job.attempt();
    await eventually("the second attempt is at work", async () => (await readdir(job.root)).includes("work-2"));
    await rename(folder, `${folder}.wrong`);
    await rename(`${folder}.away`, folder);
    expect(await second.over()).toMatchObject({ kind: "succeeded" });
    expect(job.setAside).toEqual([]);
    expect(second.restoredFrom).not.toBeNull();
  });
});

describe("a checkpoint that is not there", () => {
  test("RS2: is left as it is while another worker may find it: the job is given back", async () => {
    await interrupted(2);
    await rename(join(job.root, "store"), join(job.root, "elsewhere"));
    const second = job.attempt();
    second.answering = ({ kind }) => (kind === "set_aside" ? { kind: "ok", elsewhere: true } : null);
    expect(await second.over()).toEqual({ kind: "interrupted", why: "checkpoint_missing" });
    expect(second.requests.filter(({ kind }) => kind === "set_aside")).toMatchObject([{ why: "absent" }]);
    expect(second.runnerPid).toBeNull();
  });

  test("RS4: because its store has lost its mount: is waited for, and nothing is said against it", async () => {
    await interrupted(2);
    const storeId = await makeIdentity(job.store);
    const [mounted, away] = [join(job.root, "store"), join(job.root, "elsewhere")];
    await rename(mounted, away);
    await mkdir(mounted);
    const second = job.attempt({ storeId });
    await eventually("it has begun to look", async () => (await readdir(job.root)).includes("work-2"));
    await eventually("it prepares a folder to restore into", async () =>
      (await readdir(join(job.root, "work-2"))).includes("restored"),
    );
    await rename(mounted, `${mounted}.empty`);
    await rename(away, mounted);
    expect(await second.over()).toMatchObject({ kind: "succeeded" });
    expect(second.requests.filter(({ kind }) => kind === "set_aside")).toEqual([]);
    expect(second.restoredFrom).toBe(job.commits.findLast(({ seq }) => seq <= second.restoredFrom!)?.seq);
  });

  test("RS4: a checkpoint that went onto a folder without its mount is not committed", async () => {
    job = await TestJob.create(endless());
    const storeId = await makeIdentity(job.store);
    const attempt = job.attempt({ storeId });
    await attempt.until("a checkpoint", () => job.commits.length >= 1);
    await rename(join(job.root, "store"), join(job.root, "elsewhere"));
    await attempt.until("one was dropped", () => attempt.requests.some(({ kind }) => kind === "dropped"));
    expect(attempt.requests.find(({ kind }) => kind === "dropped")).toMatchObject({ why: "not_stored" });
    attempt.tell({ kind: "abandon" });
    await attempt.over();
  });
});

describe("RS3: a checkpoint that cannot be read while others can", () => {
  test("is set aside, and its parent is used", async () => {
    await interrupted(2);
    const [last, parent] = job.candidates;
    if (last === undefined || parent === undefined) throw new Error("two were committed");
    const path = join(job.root, "store", await stateOf(last));
    await rename(path, `${path}.away`);
    await mkdir(path); // A folder can be opened and not be read: what a bad sector does.
    const second = job.attempt();
    expect(await second.over()).toMatchObject({ kind: "succeeded" });
    expect(job.setAside).toEqual([last.seq]);
    expect(second.restoredFrom).toBe(parent.seq);
    expect(await job.log(2)).toContain("cannot be read, while others in the store can");
  });

  /** An object that only this checkpoint has. */
  async function stateOf({ manifest, manifestSha256 }: TestJob["candidates"][number]): Promise<string> {
    const older = job.candidates.find((candidate) => candidate.manifest !== manifest);
    const objectsOf = async (name: string, sha256: string | null): Promise<string[]> => {
      const opening = await openCheckpoint(job.store, name, sha256);
      if (opening.kind !== "ok") throw new Error(opening.detail);
      return opening.checkpoint.manifest.files.map(({ object }) => object);
    };
    const shared = await objectsOf(older?.manifest ?? "", null);
    const own = (await objectsOf(manifest, manifestSha256)).find((object) => !shared.includes(object));
    if (own === undefined) throw new Error("it has nothing of its own");
    return own;
  }
});

describe("at the named places", () => {
  test.each(["keeper.before-upload=kill@2", "keeper.after-upload-before-commit=kill@2", "keeper.after-commit=kill@2"])(
    "%s: the next attempt goes on from what was committed, and sweeps what was not",
    async (faults) => {
      job = await TestJob.create(counting());
      const first = job.attempt({ faults });
      await first.exited;
      await first.nothingRuns();
      const committed = job.commits.length;
      expect(committed).toBe(faults.includes("after-commit") ? 2 : 1);
      const second = job.attempt();
      expect(await second.over()).toMatchObject({ kind: "succeeded" });
      expect(second.restoredFrom).toBe(committed);
      // What the first attempt left uncommitted; the second may have ended with a checkpoint of its own under way.
      const manifests = (await job.names("checkpoints/")).filter((name) => name.includes("-1.1-"));
      const known = job.commits.map(({ manifest }) => manifest);
      expect(manifests.filter((name) => !known.includes(name))).toEqual([]);
    },
  );

  test("keeper.before-outcome=kill: the work since the last checkpoint is done again, and there is one outcome", async () => {
    job = await TestJob.create(counting());
    const first = job.attempt({ faults: "keeper.before-outcome=kill" });
    await first.exited;
    expect(await job.names("OUTCOME")).toEqual([]);
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
    expect(await job.names("OUTCOME")).toHaveLength(1);
  });

  test("keeper.after-outcome-before-end=kill: the next attempt adopts the outcome and computes nothing", async () => {
    job = await TestJob.create(counting());
    const first = job.attempt({ faults: "keeper.after-outcome-before-end=kill" });
    await first.exited;
    expect(job.ends).toEqual([]);
    const second = job.attempt();
    expect(await second.over()).toMatchObject({ kind: "succeeded" });
    expect(second.runnerPid).toBeNull();
  });

  test("keeper.before-upload=fail: a checkpoint that fails is made up for by the next", async () => {
    job = await TestJob.create(counting());
    expect(await job.attempt({ faults: "keeper.before-upload=fail@1" }).over()).toMatchObject({ kind: "succeeded" });
    expect(job.commits.length).toBeGreaterThan(0);
  });
});

describe("an outcome", () => {
  const others = {
    format: 1 as const,
    round: 0,
    attempt: 9,
    fence: "1.9",
    token: "other",
    at: "2026-01-01T00:00:00.000Z",
    end: { kind: "succeeded" as const, output: '"theirs"', artifacts: [], progress: null },
  };

  test("O1: that another attempt wrote while this one computed is adopted", async () => {
    job = await TestJob.create(counting());
    const attempt = job.attempt();
    await attempt.until("it computes", () => attempt.progress.length > 0);
    await settleOutcome(job.store, { ...others, job: job.id });
    expect(await attempt.over()).toMatchObject({ kind: "succeeded", output: '"theirs"' });
  });

  test("of an earlier round does not count for a retry", async () => {
    job = await TestJob.create(counting({ round: 1 }));
    await settleOutcome(job.store, { ...others, job: job.id });
    const end = await job.attempt().over();
    expect(end).toMatchObject({ kind: "succeeded", output: expect.stringContaining("digest") as string });
    expect((await job.names("OUTCOME")).map((name) => name.split("/").at(-1))).toEqual([
      "OUTCOME-1.json",
      "OUTCOME.json",
    ]);
  });

  test("that cannot be read is as none", async () => {
    job = await TestJob.create(counting());
    await job.store.create(`jobs/${job.id}/OUTCOME.json`, Buffer.from("rot"));
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
  });
});

describe("a task with effects on the outside world, whose lease is not confirmed", () => {
  const stateOf = async (pid: number): Promise<string> => {
    const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    return text.charAt(text.lastIndexOf(")") + 2);
  };
  /** Its lease is confirmed until the test says otherwise. */
  const frozen = async (): Promise<{ attempt: TestAttempt; pid: number }> => {
    // Longer than its lease may stay unconfirmed.
    const input = JSON.stringify({ steps: 800, stepMs: 5 });
    job = await TestJob.create(counting({ input, effects: "outside", confirmedMs: machineMs() }));
    const attempt = job.attempt();
    const confirming = setInterval(() => attempt.tell({ kind: "held", atMs: machineMs() }), 250);
    await attempt.until("it computes", () => attempt.progress.length > 0).finally(() => clearInterval(confirming));
    const pid = attempt.runnerPid!;
    await eventually("its runner is frozen", async () => (await stateOf(pid)) === "T");
    return { attempt, pid };
  };

  test("LT2: stands still, and goes on where it was when it is confirmed again", async () => {
    const { attempt } = await frozen();
    const confirming = setInterval(() => attempt.tell({ kind: "held", atMs: machineMs() }), 250);
    expect(await attempt.over().finally(() => clearInterval(confirming))).toMatchObject({ kind: "succeeded" });
    expect(await job.log(1)).toContain("stands still: the lease could not be confirmed");
  });

  test("LT2: is killed where it stands when the lease is another's", async () => {
    const { attempt } = await frozen();
    attempt.tell({ kind: "abandon" });
    expect(await attempt.over()).toBeNull();
  });
});

/** An attempt in the middle of a long step, which has started a process of its own. */
async function inAStep(): Promise<TestAttempt> {
  job = await TestJob.create(busy);
  const attempt = job.attempt();
  await attempt.until("a step is under way", () => attempt.restoredFrom === null);
  await eventually("the task has started a process", async () => (await groupMembers(attempt.runnerPid!)).length > 1);
  return attempt;
}

/** A job that has so many checkpoints at least, and was killed in the middle. */
async function interrupted(checkpoints: number): Promise<void> {
  job = await TestJob.create(counting());
  const attempt = job.attempt({ input: JSON.stringify({ steps: 200, stepMs: 50 }) }); // It must still be at it then.
  await attempt.until(`${checkpoints} checkpoints`, () => job.commits.length >= checkpoints);
  await attempt.killKeeper();
}

/** An attempt that computes, and will for long. */
async function atWork(checkpoints: number): Promise<TestAttempt> {
  job = await TestJob.create(endless());
  const attempt = job.attempt();
  await attempt.until(`${checkpoints} checkpoints`, () => job.commits.length >= checkpoints);
  return attempt;
}
