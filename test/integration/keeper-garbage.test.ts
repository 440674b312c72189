/** Whoever deletes old checkpoints is killed or frozen at each step: nothing that is needed goes, and the rest later. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoints/checkpoints.ts";
import { eventually } from "../support/eventually.ts";
import { TestJob, type TestAttempt, type Wishes } from "../support/keeper-agent.ts";

const counting: Wishes = {
  input: JSON.stringify({ steps: 1_000_000, stepMs: 5, stateBytes: 5_000 }),
  intervalMs: 150,
};

let job: TestJob;
afterEach(() => job.close());

describe("deleting what no checkpoint needs any more", () => {
  test("killed at each step, it goes on where it was, and what was left is found", async () => {
    job = await TestJob.create(counting);
    const steps = ["before-object=kill@2", "before-older=kill@1", "before-manifest=kill@1", "after-manifest=kill@1"];
    for (const step of steps) {
      const attempt = job.attempt({ faults: `garbage.${step}` });
      await attempt.exited;
      expect([step, attempt.keeper.signalCode]).toEqual([step, "SIGKILL"]);
      await keptAreWhole();
    }
    expect((await stored()).length).toBeGreaterThan((await needed()).length);
    await endsClean(job.attempt({ intervalMs: 600_000 }));
  });

  test("frozen, it thaws when another attempt has long gone on, and takes nothing from it", async () => {
    job = await TestJob.create(counting);
    const first = job.attempt({ faults: "garbage.before-object=freeze@1" });
    await first.until("it is frozen", () => job.commits.length >= 3 && isStopped(first));
    const before = job.commits.length;
    const second = job.attempt();
    await second.until("another attempt goes on", () => job.commits.length >= before + 3);
    first.keeper.kill("SIGCONT");
    await first.exited;
    second.tell({ kind: "stop", intent: "yield", graceMs: 10_000 });
    await second.over();
    await keptAreWhole();
    await endsClean(job.attempt({ intervalMs: 600_000 }));
  });
});

function isStopped({ keeper }: TestAttempt): boolean {
  const stat = readFileSync(`/proc/${keeper.pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

/** The two that the agent keeps, and all that they name. */
async function needed(): Promise<string[]> {
  const names = new Set<string>();
  for (const { manifest, manifestSha256 } of job.candidates.slice(0, 2)) {
    const opening = await openCheckpoint(job.store, manifest, manifestSha256);
    if (opening.kind !== "ok") throw new Error(`${manifest}: ${opening.detail}`);
    for (const { object } of opening.checkpoint.manifest.files) names.add(object);
    names.add(manifest);
  }
  return [...names].sort();
}

async function stored(): Promise<string[]> {
  return [...(await job.names("checkpoints/")), ...(await job.names("objects/"))].sort();
}

async function keptAreWhole(): Promise<void> {
  for (const { seq, manifest, manifestSha256 } of job.candidates.slice(0, 2)) {
    const opening = await openCheckpoint(job.store, manifest, manifestSha256);
    if (opening.kind !== "ok") throw new Error(`${manifest}: ${opening.detail}`);
    await opening.checkpoint.restoreTo(join(job.root, `checked-${seq}-${job.attempts.length}`));
  }
}

/** After two more checkpoints there is what is needed, and nothing else. */
async function endsClean(attempt: TestAttempt): Promise<void> {
  await attempt.until("it computes", () => attempt.progress.length > 0);
  const from = job.commits.length;
  for (let n = 1; n <= 2; n += 1) {
    attempt.tell({ kind: "checkpoint" });
    await attempt.until("it has another checkpoint", () => job.commits.length === from + n);
  }
  await eventually("nothing else is left", async () => String(await stored()) === String(await needed()));
  attempt.tell({ kind: "stop", intent: "cancel", graceMs: 1_000 });
  await attempt.over();
}
