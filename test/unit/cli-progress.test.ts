import { describe, expect, it } from "vitest";
import pc from "picocolors";
import { ProgressBars } from "../../src/cli/progress-bars.ts";
import { sampleJob } from "../support/sample-job.ts";
import { keepSession } from "../support/session.ts";

const running = (completed: number): ReturnType<typeof sampleJob> =>
  sampleJob({
    state: "running",
    reason: null,
    worker: "w1",
    attempts: 1,
    progress: { completed, total: 10, unit: "steps", fraction: completed / 10, ratePerSecond: null, etaMs: null },
  });

describe("progress bars", () => {
  it("are drawn in place on a terminal, and never wrap", () => {
    const kept = keepSession({ terminal: { out: true, err: true, columns: 60 } });
    const bars = new ProgressBars(kept.session);
    bars.update(running(1));
    bars.update(running(2));
    const [first = "", second = ""] = kept.words().split("\u001b[1A\r");
    expect(first).toMatch(/^\u001b\[0J.+\n$/);
    expect(second).toMatch(/^\u001b\[0J.+\n$/);
    for (const line of kept.words().split("\n")) expect(line.replace(/\u001b\[\w+/g, "").length).toBeLessThan(61);
  });

  it("have a line for each job, in the order in which they came", () => {
    const kept = keepSession({ terminal: { out: true, err: true, columns: 200 }, colors: pc.createColors(true) });
    const bars = new ProgressBars(kept.session);
    bars.update({ ...running(1), id: "01hzyv7k3m8q4r5t6w7x8y9z0b" });
    bars.update({ ...running(1), id: "01hzyv7k3m8q4r5t6w7x8y9z0c" });
    bars.update({ ...running(9), id: "01hzyv7k3m8q4r5t6w7x8y9z0b" });
    const last = kept.words().split("\u001b[2A\r").at(-1) ?? "";
    expect(last).toMatch(/9z0b.+\u001b\[36mrunning\u001b\[39m.+90%[^]+9z0c.+10%/);
  });

  it("in a pipe are a line for each change of state, without escape sequences", () => {
    const kept = keepSession();
    const bars = new ProgressBars(kept.session);
    for (const job of [sampleJob(), sampleJob(), running(1), running(2), running(9)]) bars.update(job);
    bars.update({ ...running(10), state: "succeeded" });
    const { id } = sampleJob();
    expect(kept.words()).toBe(
      [
        `${id} queued: waits until a worker that has the task has a free slot`,
        `${id} running on w1`,
        `${id} succeeded on w1`,
        "",
      ].join("\n"),
    );
  });
});
