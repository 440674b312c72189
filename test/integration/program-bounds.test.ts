/** What a program may not do, and what it leaves behind: nothing. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { ProgramJob } from "../support/program-job.ts";

let kept: string;
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), "cairn-programs-"));
});
afterAll(() => rm(kept, { recursive: true, force: true }));

const script = (text: string, input: object = {}): Promise<ProgramJob> =>
  ProgramJob.create(
    "script",
    { script: text, text: "world", number: -3.5, ...input },
    { kept, intervalMs: 2_147_483_647 },
  );

/** The process whose command line ends with this, as long as it runs. */
async function find(command: string): Promise<number | null> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    if (line.replaceAll("\0", " ").trim().endsWith(command)) return Number(pid);
  }
  return null;
}

describe("a program", () => {
  test("gets its input as arguments, files and variables, and no others; what it prints is kept", async () => {
    await using job = await script(
      'printf "%s|" "$@"; echo; cat input.json; echo; echo "$GREETING"; env | cut -d= -f1 | sort | tr "\\n" " "; echo; echo to-stderr >&2; echo x > a.out; echo "result 42"',
      { list: ["a b", "$(touch hacked)", "*"] },
    );
    const attempt = job.attempt();
    expect(await attempt.over()).toMatchObject({
      kind: "succeeded",
      output: "42",
      artifacts: [{ name: "a.out", bytes: 2 }],
    });
    const log = await job.log(1);
    expect(log).toContain("a b|$(touch hacked)|*|n=-3.5|--text|world|\n");
    expect(log).toContain('"list":["a b","$(touch hacked)","*"]');
    expect(log).toContain("hello world\n");
    expect(log).toContain("to-stderr\n");
    expect(log).toMatch(/^(CAIRN_RUN |GREETING |HOME |LANG |LC_ALL |OLDPWD |PATH |PWD |SHLVL |TMPDIR |TZ |_ )+$/m);
  });

  test.each([
    ["memoryBytes", "{ head -c 200000000 /dev/zero; sleep 60; } | tail -c 200000000"],
    ["cpuMs", "while :; do :; done"],
    ["diskBytes", "head -c 30000000 /dev/zero > large; sleep 60"],
    ["processes", "for n in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; wait"],
  ])("that passes its limit %s is ended, and the error names it", async (limit, text) => {
    await using job = await script(text);
    const end = await job.attempt().over();
    expect(end).toMatchObject({ kind: "failed", fault: "not_retryable" });
    expect(end).toMatchObject({
      message: expect.stringMatching(new RegExp(`^limits\\.${limit}: used .* allowed are`)) as string,
    });
  });

  test.each([
    ["when it is cancelled", "cancel"],
    ["when its runner, keeper and agent are killed together", "kill"],
  ])("that started a daemon in a session of its own leaves nothing behind %s", async (_, how) => {
    const seconds = `6${process.pid}${how.length}`;
    await using job = await script(`setsid sleep ${seconds} & echo begun; sleep ${seconds}`);
    const attempt = job.attempt();
    await eventually("the daemon runs", () => find(`sleep ${seconds}`));
    if (how === "cancel") {
      attempt.tell({ kind: "stop", intent: "cancel", graceMs: 5_000 });
      expect(await attempt.over()).toMatchObject({ kind: "interrupted" });
    } else {
      attempt.keeper.kill("SIGKILL");
      process.kill(attempt.runnerPid!, "SIGKILL");
    }
    await eventually("nothing is left", async () => (await find(`sleep ${seconds}`)) === null);
  });

  test("that was started again after a checkpoint leaves nothing behind when all above it are killed together", async () => {
    await using job = await ProgramJob.create("counting", { steps: 1_000_000 }, { kept, intervalMs: 2_147_483_647 });
    const attempt = job.attempt();
    const line = "count.sh 1000000";
    await attempt.until("it was started again twice", () => job.commits.length >= 2);
    await eventually("it runs once more", () => find(line));
    attempt.keeper.kill("SIGKILL");
    process.kill(attempt.runnerPid!, "SIGKILL");
    await eventually("nothing is left", async () => (await find(line)) === null);
  });

  test("that somebody has stopped (SIGSTOP) is given up: its worker is as good as lost", async () => {
    await using job = await script("echo begun; exec sleep 62");
    const attempt = job.attempt();
    const pid = await eventually("it runs", () => find("sleep 62"));
    process.kill(pid, "SIGSTOP");
    expect(await attempt.over()).toMatchObject({
      kind: "runner_lost",
      detail: "the program was stopped (SIGSTOP) and does not go on",
    });
  });

  test("that prints without end and without a new line is kept to the log that it may have", async () => {
    await using job = await ProgramJob.create(
      "script",
      {
        script: "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo 'result end'; echo é",
        text: "",
        number: 1,
      },
      { kept, intervalMs: 2_147_483_647, logBytes: 200_000 },
    );
    expect(await job.attempt().over()).toMatchObject({ kind: "succeeded" });
    const log = await job.log(1);
    expect(log.length).toBeLessThan(260_000);
    expect(log.slice(0, 1_000)).toBe("x".repeat(1_000));
    expect(log.trimEnd()).toMatch(/é$/);
  });

  test("that fails says so with its exit code and its last words; how often that is tried is the definition's", async () => {
    await using job = await script("echo the mesh is empty >&2; exit 9");
    expect(await job.attempt().over()).toMatchObject({
      kind: "failed",
      fault: "not_retryable",
      message: "the program exited with code 9; it said last: the mesh is empty",
    });
    expect(await job.log(1)).toContain("the mesh is empty\n");
  });

  test("that cannot be checkpointed lets go at once when it is told to stop", async () => {
    await using job = await script("echo begun; sleep 60");
    const attempt = job.attempt();
    await eventually("it runs", async () => (await job.log(1)).includes("begun"));
    attempt.tell({ kind: "stop", intent: "stop", graceMs: 20_000 });
    expect(await attempt.over()).toMatchObject({ kind: "interrupted" });
  });

  test("is not started with text that would be read as an option", async () => {
    await using job = await script("true", { list: ["--output=/etc/passwd"] });
    expect(await job.attempt().over()).toMatchObject({
      kind: "failed",
      fault: "refused",
      message: 'start[2]: input.list begins with "-"',
    });
  });
});
