import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { TestJob, type Wishes } from "../support/keeper-agent.ts";

let job: TestJob;
afterEach(() => job.close());

const STEPS = 400;
const counting = (input: Record<string, unknown> = {}, wishes: Wishes = {}): Wishes => ({
  input: JSON.stringify({ steps: STEPS, stepMs: 4, ...input }),
  ...wishes,
});

/** What `count` must come to, computed without Cairn. */
function digestOf(steps: number): string {
  let digest = "";
  for (let step = 1; step <= steps; step += 1) digest = createHash("sha256").update(`${digest}:${step}`).digest("hex");
  return digest;
}
const success = { kind: "succeeded", output: JSON.stringify({ steps: STEPS, digest: digestOf(STEPS) }) };

describe("an attempt", () => {
  test("that nothing disturbs comes to the digest, with checkpoints on the way, and leaves nothing behind", async () => {
    job = await TestJob.create(counting({ stateBytes: 200_000 }));
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject(success);
    expect(attempt.restoredFrom).toBeNull();
    expect(job.commits.length).toBeGreaterThan(2);
    expect(job.commits.map(({ seq }) => seq)).toEqual(job.commits.map((_, n) => n + 1));
    expect(job.commits.map(({ parent }) => parent)).toEqual([null, ...job.commits.slice(1).map((_, n) => n + 1)]);
    expect(job.commits[0]?.bytes).toBeGreaterThan(200_000);
    expect(attempt.messages.filter(({ kind }) => kind === "alive").length).toBeGreaterThan(1);
    expect(await job.names("OUTCOME")).toHaveLength(1);
    // Two are kept, and the third goes when the next is committed.
    expect((await job.names("checkpoints/")).length).toBeLessThanOrEqual(3);
  });

  test("whose runner is killed is lost; the next one goes on from the last checkpoint to the same digest", async () => {
    job = await TestJob.create(counting());
    const first = job.attempt();
    await first.until("two checkpoints", () => job.commits.length >= 2);
    process.kill(first.runnerPid!, "SIGKILL");
    expect(await first.over()).toMatchObject({
      kind: "runner_lost",
      detail: expect.stringContaining("SIGKILL") as string,
    });
    const last = job.commits.at(-1)!;

    const second = job.attempt();
    expect(await second.over()).toMatchObject(success);
    expect(second.restoredFrom).toBe(last.seq);
    expect(second.progress[0]).toBe(last.progress!.completed);
    expect(job.commits.find(({ seq }) => seq === last.seq + 1)?.parent).toBe(last.seq);
    expect(await job.log(1)).toContain("ended by SIGKILL");
  });

  test("computes with what others leave of the processor, where Linux shares it out by session, too", async () => {
    job = await TestJob.create(counting());
    const attempt = job.attempt({ nice: 19 });
    const pid = await eventually("the runner is there", () => attempt.runnerPid);
    await eventually("it has the lowest priority", () => getPriority(pid) === 19);
    if (!existsSync("/proc/self/autogroup")) return; // No such groups on this system.
    const group = (): string => readFileSync(`/proc/${pid}/autogroup`, "utf8").trim();
    await eventually("its session has it too", () => group().endsWith(" nice 19"));
  });

  test("whose keeper is killed takes the runner's whole group with it", async () => {
    job = await TestJob.create(counting());
    const first = job.attempt();
    await first.until("a checkpoint", () => job.commits.length >= 1);
    await first.killKeeper();
    expect(await job.attempt().over()).toMatchObject(success);
  });

  test("that is told to stop makes a checkpoint and lets go; nothing is done twice after it", async () => {
    job = await TestJob.create(counting({}, { intervalMs: 60_000 }));
    const first = job.attempt();
    await first.until("steps are done", () => (first.progress.at(-1) ?? 0) > 20);
    first.tell({ kind: "stop", intent: "stop", graceMs: 20_000 });
    expect(await first.over()).toEqual({ kind: "interrupted", why: null });
    expect(job.commits).toHaveLength(1);
    const second = job.attempt();
    expect(await second.over()).toMatchObject(success);
    expect(second.progress[0]).toBe(job.commits[0]!.progress!.completed);
    expect(second.progress[0]).toBe(first.progress.at(-1));
  });

  test("that is asked for a checkpoint makes one and goes on", async () => {
    job = await TestJob.create(counting({}, { intervalMs: 60_000 }));
    const attempt = job.attempt();
    await attempt.until("it computes", () => attempt.progress.length > 0);
    attempt.tell({ kind: "checkpoint" });
    await attempt.until("the checkpoint", () => job.commits.length === 1);
    expect(await attempt.over()).toMatchObject(success);
    expect(job.commits).toHaveLength(1);
  });

  test("that is cancelled ends at once and without a checkpoint", async () => {
    job = await TestJob.create(counting({ steps: 100_000 }, { intervalMs: 60_000 }));
    const attempt = job.attempt();
    await attempt.until("it computes", () => attempt.progress.length > 0);
    attempt.tell({ kind: "stop", intent: "cancel", graceMs: 20_000 });
    expect(await attempt.over()).toEqual({ kind: "interrupted", why: null });
    expect(job.commits).toHaveLength(0);
    expect(await job.names("OUTCOME")).toEqual([]);
  });

  test("with its interval left to Cairn makes checkpoints by itself", async () => {
    job = await TestJob.create(counting({}, { intervalMs: "auto", mtbfMs: 60_000 }));
    expect(await job.attempt().over()).toMatchObject(success);
    expect(job.commits.length).toBeGreaterThan(0);
  });
});

describe("checkpoints that cannot be believed", () => {
  const interrupted = async (): Promise<void> => {
    job = await TestJob.create(counting());
    const attempt = job.attempt();
    await attempt.until("three checkpoints", () => job.commits.length >= 3);
    await attempt.killKeeper();
  };

  test("are set aside: the parent is used, and the digest is the same", async () => {
    await interrupted();
    const last = job.commits.at(-1)!;
    await damageState(last.manifest);
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject(success);
    expect(job.setAside).toEqual([last.seq]);
    expect(attempt.restoredFrom).toBe(last.seq - 1);
    expect(job.commits.find(({ seq }) => seq === last.seq + 1)?.parent).toBe(last.seq - 1);
    expect(await job.log(2)).toContain(`checkpoint ${last.seq} is damaged and set aside`);
  });

  test("all of them: the attempt fails and does not begin anew", async () => {
    await interrupted();
    for (const { manifest } of job.candidates) await damageState(manifest);
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject({ kind: "failed", fault: "checkpoints_unreadable" });
    expect(attempt.runnerPid).toBeNull();
  });

  test("because they are another program's: the attempt fails, and they are not set aside", async () => {
    await interrupted();
    const attempt = job.attempt({ checkpointVersion: 2 });
    expect(await attempt.over()).toMatchObject({
      fault: "checkpoints_unreadable",
      message: expect.stringContaining("version 1, the task is at 2") as string,
    });
    expect(job.setAside).toEqual([]);
  });

  async function damageState(manifest: string): Promise<void> {
    const { readFile, writeFile } = await import("node:fs/promises");
    const folder = `${job.root}/store`;
    const text = await readFile(`${folder}/${manifest}`, "utf8").catch(() => null);
    if (text === null) return; // Deleted as garbage: unreadable too.
    const { files } = JSON.parse(text) as { files: { name: string; object: string }[] };
    const object = files.find(({ name }) => name === "state.json")!.object;
    // The keeper may have been killed between the deletion of its objects and its own.
    const content = await readFile(`${folder}/${object}`).catch(() => null);
    if (content === null) return;
    content[3]! ^= 1;
    await writeFile(`${folder}/${object}`, content);
  }
});
