/** `cairn simulate`, as somebody uses it who writes the definition of a program: what it finds, and what it says. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ended, runCairn, startCairn } from "../support/cairn-command.ts";
import { compile, findCompiler } from "../support/contract-programs.ts";
import { eventually } from "../support/eventually.ts";
import { findTool } from "../support/find-tool.ts";
import { readmeBlocks } from "../support/readme.ts";

const CHAIN = ["in Python", "programs.yaml", "chain", '{"steps":60}', "result.txt"] as const;
const HEAT = ["in C", "heat.yaml", "heat", '{"steps":400}', "heat.out"] as const;

let folder: string;
let temporary: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-simulating-"));
  temporary = join(folder, "temporary");
  await mkdir(temporary);
  const readme = await readFile(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
  const wanted = ["programs.yaml", "chain.py", "heat.yaml", "heat.c"];
  for (const { name, content } of readmeBlocks(readme)) {
    if (wanted.includes(name)) await writeFile(join(folder, name), content);
  }
  if (findCompiler() !== null) compile(join(folder, "heat.c"), join(folder, "heat"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const env = (): Record<string, string> => ({ TMPDIR: temporary });
const simulate = (...args: readonly string[]): Promise<Ended> =>
  runCairn(["simulate", ...args], { cwd: folder, env: env() });

/** A programs file with one shell script in it, and what more is to be said of it. */
async function script(name: string, text: string, more: object = {}): Promise<string> {
  const file = join(folder, `${name}.json`);
  const start = ["/bin/sh", "-c", text];
  await writeFile(file, JSON.stringify({ programs: [{ name, input: { type: "object" }, start, ...more }] }));
  return file;
}

describe("cairn simulate", () => {
  test.concurrent("without a task checks a file, and lists what is in it", async () => {
    const { code, out } = await simulate("--builtins", "off", "--programs", "programs.yaml");
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/^chain +program +A program in Python that writes state\.json/) as string,
    });
  });

  test.concurrent("tells file, line and field of what cannot work, and ends with 1", async () => {
    const broken = await readFile(join(folder, "programs.yaml"), "utf8");
    await writeFile(join(folder, "broken.yaml"), broken.replace("signal: SIGUSR1", "signal: SIGUSER1"));
    expect(await simulate("--programs", "broken.yaml")).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /broken\.yaml:\d+: programs\[0\]\.checkpoint\.trigger\.signal: must be the name of a signal, like SIGUSR1/,
      ) as string,
    });
  });

  test.concurrent.each([
    [["chian", "{}"], /there is no task chian; known are .*chain/],
    [["echo", "{}"], /echo is an online task: only batch tasks have checkpoints to try/],
    [["chain", "{steps: 1}"], /the input is not JSON/],
    [["chain"], /There is no input: give JSON as an argument/],
  ])("says what is wrong with %j", async (args, expected) => {
    const { code, err } = await simulate("--programs", "programs.yaml", ...args);
    expect(code).not.toBe(0);
    expect(err).toMatch(expected);
  });

  test.concurrent("refuses a program of a user that this machine does not have, as a worker does", async () => {
    const file = await script("stranger", "id", { user: "no-such-user" });
    expect(await simulate("--programs", file)).toMatchObject({
      code: 1,
      err: `${file}:1: programs[0].user: there is no user no-such-user on this machine\n`,
    });
  });

  test.concurrent("warns of what is probably a mistake, with file, line and field", async () => {
    const file = await script("doubtful", "id", { files: { mesh: { path: "no-such-mesh" } } });
    const { code, err } = await simulate("--programs", file);
    expect({ code, err }).toEqual({
      code: 0,
      err: `warning: ${file}:1: programs[0].files.mesh.path: there is no ${join(folder, "no-such-mesh")} on this machine now; jobs that run here will fail until there is\n`,
    });
  });

  test.concurrent("refuses an input that the schema does not take", async () => {
    const { code, out } = await simulate("--programs", "programs.yaml", "chain", '{"steps":"many"}');
    expect(code).toBe(1);
    expect(out).toMatch(/^undisturbed +FAILED: input\.steps must be integer/m);
  });

  // Skipped where there is no Python, no C compiler. What is interrupted has to run for some seconds.
  test.concurrent.each<readonly [string, string, string, string, string]>([
    ...(findTool("python3") === null ? [] : [CHAIN]),
    ...(findCompiler() === null ? [] : [HEAT]),
  ])(
    "finds the README's program %s to end with the same bits, interrupted or not",
    { timeout: 150_000 },
    async (_, file, task, input, name) => {
      const { code, out } = await simulate("--programs", file, task, input);
      expect(out).toMatch(/^undisturbed +[\d.]+ s, \d+ checkpoints, ran through$/m);
      expect(out).toMatch(new RegExp(`^ +${name} +\\d+ bytes +[0-9a-f]{64}$`, "m"));
      expect(out).toMatch(/^stopped half-way +[\d.]+ s, \d+ checkpoints, resumed from checkpoint \d+$/m);
      expect(out).toMatch(/^killed after a checkpoint +[\d.]+ s, \d+ checkpoints, resumed from checkpoint 1$/m);
      expect(out).toMatch(/^the same: /m);
      expect(code).toBe(0);
    },
  );

  test.concurrent("draws the same random numbers in every run", async () => {
    const tasks = fileURLToPath(new URL("../support/batch-tasks.mjs", import.meta.url));
    const { out } = await simulate("--tasks", tasks, "draws", '{"steps":600}');
    expect(out).toMatch(/^the same: /m);
  });

  test.concurrent("shows one whose results differ from run to run", async () => {
    const file = await script("random", "head -c 8 /dev/urandom > out.dat", { outputs: ["out.dat"] });
    const { code, out } = await simulate("--programs", file, "random", "{}");
    expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(/^DIFFERENT: out\.dat: /m) as string });
    expect(out).toMatch(/^ +out\.dat differs: /m);
    expect(out).toMatch(/^undisturbed, again +[\d.]+ s, \d+ checkpoints, ran through$/m);
    expect(out).toMatch(/^DIFFERENT: out\.dat: and so it is between two undisturbed runs/m);
    expect(out).not.toMatch(/an interrupted run does not end/);
  });

  // The control: what differs by the interruption alone is called so.
  test.concurrent("tells what differs by the interruption from what differs in any two runs", async () => {
    const text =
      "date +%N > when.txt; [ -e state ] && echo resumed >> out.txt || echo begun >> out.txt; " +
      "for i in 1 2 3; do echo $i > state; sleep 0.5; echo saved; sleep 0.5; done";
    const file = await script("both", text, {
      checkpoint: { files: ["state"], written: { text: "^saved" } },
      outputs: ["when.txt", "out.txt"],
    });
    const { code, out } = await simulate("--programs", file, "both", "{}");
    expect(out).toMatch(/^DIFFERENT: out\.txt: an interrupted run does not end with the same bits/m);
    expect(out).not.toMatch(/made no checkpoint/); // It was not complete at first, and then it was.
    expect(out).toMatch(/^DIFFERENT: when\.txt: and so it is between two undisturbed runs/m);
    expect(code).toBe(1);
  });

  test.concurrent("finds, also of the one that is killed, that it keeps the path of its folder (LJ2)", async () => {
    const text =
      '[ -e where ] || { pwd > where; echo mesh > data; }; for i in 1 2 3 4; do [ -e "$(cat where)/data" ] || exit 7; ' +
      "echo $i > state; echo saved; sleep 0.7; done";
    const file = await script("rooted", text, { checkpoint: { written: { text: "^saved" } } });
    const { code, out } = await simulate("--programs", file, "rooted", "{}");
    expect(out).toMatch(/^killed after a checkpoint +FAILED: the program exited with code 7/m);
    expect(code).toBe(1);
  });

  test.concurrent("says when an exit with a checkpoint passes for the end, as `complete` holds at both", async () => {
    const text =
      "for i in 1 2 3 4 5 6 7 8; do [ -e STOP ] && echo $i > state && break; sleep 0.5; done; echo $i > out.txt";
    const file = await script("early", text, {
      checkpoint: { files: ["state"], trigger: { file: "STOP", then: "exits" }, intervalMs: "1s" },
      complete: { files: ["out.txt"] },
    });
    const { out } = await simulate("--programs", file, "early", "{}");
    expect(out).toMatch(/\[cairn\] when it was asked for a checkpoint the program wrote one and exited, and all that/);
  });

  test.concurrent.each([
    [
      "by a signal that it does not handle",
      { signal: "SIGUSR1" },
      /asked by SIGUSR1 for \d+ s, until its end, and no process of it handles that/,
    ],
    [
      "by a file that it does not look for",
      { file: "STOP" },
      /asked by the file STOP the program made no checkpoint in the \d+ s until its end/,
    ],
  ])("says that a program was asked %s", async (_, trigger, expected) => {
    const name = `deaf-to-${Object.keys(trigger).join("")}`;
    const file = await script(name, "sleep 5; echo done > out.txt", {
      checkpoint: { files: ["state"], trigger, intervalMs: "1s" },
      outputs: ["out.txt"],
    });
    const { code, out } = await simulate("--programs", file, name, "{}");
    expect(out).toMatch(expected);
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(/^NOT TRIED: it made no checkpoint/m) as string,
    });
  });

  test.concurrent("says why there was no checkpoint of one whose files never say that they are complete", async () => {
    const file = await script("unsaid", "for i in 1 2; do echo half > state; sleep 1; done; echo done > out.txt", {
      checkpoint: { files: ["state"], written: { lastLine: { matches: "^END" } } },
      outputs: ["out.txt"],
    });
    const { code, out } = await simulate("--programs", file, "unsaid", "{}");
    expect(out).toMatch(
      /\[cairn\] this attempt made no checkpoint: the last line of state does not say so, it is "half" \(`checkpoint\.written`\)$/m,
    );
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(/^NOT TRIED: it made no checkpoint/m) as string,
    });
  });

  test.concurrent("does not call the same what was never resumed", async () => {
    const file = await script("short", "echo done > out.dat", { outputs: ["out.dat"] });
    const { code, out } = await simulate("--programs", file, "short", "{}");
    expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(/^NOT TRIED: /m) as string });
  });

  test.concurrent("says of one that puts itself into the background that it was ended, and what to say", async () => {
    const file = await script("daemon", "(sleep 20; echo done > out.dat) > /dev/null 2>&1 & exit 0");
    const { out } = await simulate("--programs", file, "daemon", "{}");
    expect(out).toMatch(
      /\[cairn\] [12] of the processes that the program had started still ran .*`background: true`$/m,
    );
  });

  test.concurrent("shows the last lines of one that fails", async () => {
    const file = await script("failing", "echo the mesh is empty; exit 3");
    const { code, out } = await simulate("--programs", file, "failing", "{}");
    expect(code).toBe(1);
    expect(out).toMatch(/^undisturbed +FAILED: the program exited with code 3; it said last: the mesh is empty$/m);
    expect(out).toMatch(/^ +\| the mesh is empty$/m);
  });

  test.concurrent("takes a file in place of the artifact of another job, and says so when there is none", async () => {
    const programs = fileURLToPath(new URL("../support/programs/artifacts.yaml", import.meta.url));
    const mesh = join(folder, "coarse.dat");
    await writeFile(mesh, "a coarse mesh\n");
    const use = ["--programs", programs, "use", JSON.stringify({ from: "m1", name: "mesh.dat", steps: 12 })];
    const sum = createHash("sha256").update("a coarse mesh\n").digest("hex");
    for (const artifact of ["mesh.dat=coarse.dat", `m1/mesh.dat=${mesh}`]) {
      const { code, out } = await simulate(...use, "--artifact", artifact, "--artifact", `m2/mesh.dat=${mesh}`);
      expect(out).toMatch(new RegExp(`^ +output "${sum}"$`, "m"));
      expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^the same: /m) as string });
    }
    const without = await simulate(...use, "--artifact", "other.dat=coarse.dat");
    expect(without.code).toBe(1);
    expect(without.out).toMatch(
      /FAILED: files\.in\.dat: there are no other jobs here, so none with an artifact mesh\.dat: give a file in its place, --artifact mesh\.dat=FILE$/m,
    );
    const missing = await simulate(...use, "--artifact", "mesh.dat=nothing.dat");
    expect(missing.err).toContain(`--artifact mesh.dat=nothing.dat: there is no file ${join(folder, "nothing.dat")}`);
    expect(missing.code).toBe(1);
  });

  test.concurrent("ends what it has started when it is interrupted", async () => {
    const file = await script("endless", `echo $$ > ${folder}/endless.pid; exec sleep 600`);
    const running = startCairn(["simulate", "--programs", file, "endless", "{}"], { cwd: folder, env: env() });
    const pid = Number(
      await eventually("it runs", () => readFile(join(folder, "endless.pid"), "utf8").catch(() => null)),
    );
    running.child.kill("SIGINT");
    expect((await running.ended).code).not.toBe(0);
    await eventually("its program is gone", () => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    });
  });
});
