import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStore, settleOutcome, successorOf, writeAttempt, writeMark } from "../../src/checkpoints/checkpoints.ts";
import { fenceText, type Fence } from "../../src/domain/fence.ts";

const JOB = "01hsuccession0000000000000";
const fence = (generation: number, counter: number, token = "t"): Fence => ({ generation, counter, token });

describe("whom the store knows that came after an attempt", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cairn-succession-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const store = () => openStore(`file:${folder}`);
  const began = (of: Fence): Promise<void> =>
    writeAttempt(store(), of, {
      ...{ job: JOB, attempt: 1, round: 0, fence: fenceText(of), token: of.token, worker: "w", zone: "" },
      ...{ startedAt: "", from: null },
    });
  const marked = (of: Fence): Promise<void> =>
    writeMark(store(), {
      ...{ job: JOB, round: 0, fence: fenceText(of), state: "stopped", reason: "", error: "", at: "" },
    });
  const after = (of: Fence) => successorOf(store(), JOB, of, 0);

  it("nobody: it is alone, or those before it", async () => {
    expect(await after(fence(2, 5))).toBeNull();
    for (const own of [fence(1, 9), fence(2, 4), fence(2, 5)]) await began(own);
    await marked(fence(2, 4));
    expect(await after(fence(2, 5))).toBeNull();
  });

  it("an attempt with a higher fence, or with the same and another token", async () => {
    await began(fence(2, 6));
    expect(await after(fence(2, 5))).toContain("2.6-t");
    expect(await after(fence(2, 6, "u"))).toContain("2.6-t");
    expect(await after(fence(10, 1))).toBeNull();
  });

  it("whoever parked the job after it", async () => {
    await marked(fence(2, 5));
    expect(await after(fence(2, 5))).toContain("stopped");
  });

  it("the outcome of another", async () => {
    const end = { kind: "succeeded", output: "1", artifacts: [], progress: null } as const;
    const outcome = { format: 1, job: JOB, round: 0, attempt: 7, fence: "2.4", token: "t", at: "", end } as const;
    await settleOutcome(store(), { ...outcome, end: { ...end, artifacts: [] } });
    expect(await after(fence(2, 5))).toBe("outcome of attempt 7");
    expect(await after(fence(2, 4))).toBeNull();
  });
});
