/** When a checkpoint of a program is complete, and what its end means. */
import { describe, expect, test } from "vitest";
import { Completeness } from "../../workers/program/completeness.ts";
import { Settling } from "../../workers/program/settling.ts";
import { OutputReader } from "../../workers/program/output-reader.ts";
import type { Resolved } from "../../workers/program/resolve.ts";
import { meaningOf, type Circumstances } from "../../workers/program/exit-meaning.ts";
import { ProgramTime } from "../../workers/program/program-time.ts";
import type { ThreadLook } from "../../workers/program/threads.ts";
import type { Exit } from "../../workers/program/process-run.ts";

const files = (signature: string, more: object = {}) => ({
  steady: ["a", "b"],
  looks: [],
  replaced: new Set<string>(),
  appended: [],
  lines: new Set<string>(),
  growth: "",
  missing: [],
  links: [],
  endings: [],
  bytes: 0,
  markers: "",
  signature,
  ...more,
});
const closed = { isOpen: () => "no" as const, lastLineOf: () => null };
const open = { ...closed, isOpen: () => "yes" as const };

describe("a checkpoint is complete", () => {
  const byRest = (): Completeness => {
    const completeness = new Completeness({ settleMs: 100, text: null, lastLine: null, closed: false, by: "rest" });
    completeness.begin(files("old"));
    return completeness;
  };

  test("when something has changed, and then nothing for as long as it has to rest", () => {
    const completeness = byRest();
    const kinds = [
      completeness.judge(files("old"), 0, closed),
      completeness.judge(files("old"), 1_000, closed),
      completeness.judge(files("new"), 1_100, closed),
      completeness.judge(files("newer"), 1_190, closed),
      completeness.judge(files("newer"), 1_280, closed),
      completeness.judge(files("newer"), 1_290, closed),
    ].map(({ kind }) => kind);
    expect(kinds).toEqual(["waiting", "waiting", "waiting", "waiting", "waiting", "complete"]);
  });

  test("much later when one of its files is held open for writing", () => {
    const completeness = byRest();
    const at = (nowMs: number) => completeness.judge(files("new"), nowMs, open).kind;
    expect([at(0), at(100), at(499), at(500)]).toEqual(["waiting", "waiting", "waiting", "complete"]);
  });

  test("when it is closed and has changed no more for a moment, where that is said to be the sign; never while it is open", () => {
    const judged = (isOpen: () => "yes" | "no" | "unknown") => {
      const completeness = new Completeness({ settleMs: "auto", text: null, lastLine: null, closed: true, by: "rest" });
      completeness.begin(files("old"));
      expect(completeness.restMs).toBe(100);
      const at = (nowMs: number) => completeness.judge(files("new"), nowMs, { ...closed, isOpen }).kind;
      return [at(0), at(99), at(100), at(999), at(1_000), at(60_000)];
    };
    const [no, yes] = ["waiting", "complete"];
    expect(judged(() => "no")).toEqual([no, no, yes, yes, yes, yes]);
    expect(judged(() => "yes")).toEqual([no, no, no, no, no, no]);
    expect(judged(() => "unknown")).toEqual([no, no, no, no, yes, yes]); // As by any other rest.
  });

  test("at once when it is one file that is replaced by renaming", () => {
    const one = files("new", { steady: ["a"], replaced: new Set(["a"]) });
    expect(byRest().judge(one, 0, open)).toEqual({ kind: "complete" });
  });

  test("never while a pattern matches nothing, and it is said which", () => {
    expect(byRest().judge(files("new", { missing: ["*.rst"] }), 9_999, closed)).toEqual({
      kind: "waiting",
      why: "no file matches *.rst",
    });
  });

  test("by a line of the output, or by a marker file: one that came after it was asked for", () => {
    const byText = new Completeness({ settleMs: 100, text: /^written/, lastLine: null, closed: false, by: "text" });
    byText.line("written 1");
    byText.begin(files("old"));
    expect(byText.judge(files("new"), 9_999, closed).kind).toBe("waiting");
    byText.line("written 2");
    expect(byText.judge(files("new"), 9_999, closed).kind).toBe("complete");
    const byFile = new Completeness({ settleMs: 100, text: null, lastLine: null, closed: false, by: "file" });
    byFile.begin(files("old", { markers: "m1" }));
    expect(byFile.judge(files("new", { markers: "m1" }), 9_999, closed).kind).toBe("waiting");
    expect(byFile.judge(files("new", { markers: "m2" }), 9_999, closed).kind).toBe("complete");
  });

  test("by the last line of each of its files that has one", () => {
    const byLastLine = new Completeness({
      settleMs: "auto",
      text: null,
      lastLine: /^end$/,
      closed: false,
      by: "last_line",
    });
    byLastLine.begin(files("old"));
    const judge = (signature: string, lines: Readonly<Record<string, string>>) =>
      byLastLine.judge(files(signature, { endings: Object.keys(lines) }), 0, {
        ...open,
        lastLineOf: (name) => lines[name] ?? null,
      });
    expect(judge("old", { a: "end" }).kind).toBe("waiting");
    expect(judge("new", {}).kind).toBe("waiting");
    expect(judge("new", { a: "end", b: "12.5 13.5" })).toEqual({
      kind: "waiting",
      why: 'the last line of b does not say so, it is "12.5 13.5"',
    });
    expect(judge("new", { a: "end", b: "end" }).kind).toBe("complete");
  });
});

describe("how long files have to rest", () => {
  /** Files that change after each of these pauses, over and over, for `ms`. */
  const changing = (settling: Settling, pauses: readonly number[], ms: number, bytes: (n: number) => number): void => {
    let now = 0;
    for (let n = 0; now < ms; n += 1) {
      settling.changed(now, bytes(n));
      now += pauses[n % pauses.length] ?? 0;
    }
  };

  test.each([
    ["between its files for longer than between two checkpoints", [250, 100]],
    ["between its files for less than between two checkpoints", [30, 470]],
    ["for as long", [150, 150]],
  ])("is a second, also of a program that pauses %s: what it needs is said, once", (_, pauses) => {
    const settling = new Settling("auto");
    changing(settling, pauses, 4_900, () => 100);
    expect(settling.remark()).toBeNull();
    changing(settling, pauses, 6_000, () => 100);
    expect(settling.remark()).toMatch(/never held still for 1000 ms, so .*: say it in `checkpoint.written`/);
    changing(settling, pauses, 60_000, () => 100);
    expect(settling.remark()).toBeNull();
    expect(settling.restMs).toBe(1_000);
  });

  test("is not missed while they only grow, which is one that is being written, but for very long", () => {
    const settling = new Settling("auto");
    changing(settling, [100], 59_000, (n) => n);
    expect(settling.remark()).toBeNull();
    changing(settling, [100], 61_000, (n) => 1_000 + n);
    expect(settling.remark()).toMatch(/never held still for 1000 ms/);
  });

  test("is what the definition says", () => {
    const given = new Settling(700);
    changing(given, [30, 470], 6_000, () => 100);
    expect(given.restMs).toBe(700);
    expect(given.remark()).toMatch(/never held still for 700 ms/);
  });

  test("is not missed when they do rest in between", () => {
    const resting = new Settling("auto");
    for (let n = 0; n < 20; n += 1) {
      changing(resting, [30], 120, () => 100);
      resting.rested();
    }
    expect(resting.remark()).toBeNull();
  });

  test("is not missed by a program that exits with each checkpoint: that is the sign", () => {
    const exiting = new Completeness({ settleMs: "auto", text: null, lastLine: null, closed: false, by: "rest" });
    for (let n = 0; n < 100; n += 1) {
      exiting.begin(files(`${n}`));
      exiting.judge(files(`${n}, half`), n * 400, open);
      exiting.judge(files(`${n}, whole`), n * 400 + 300, open);
      exiting.exited();
    }
    expect(exiting.remark()).toBeNull();
  });
});

describe("time counts as rest", () => {
  const thread = (state: string, ranMs = 0, waitedMs = 0) => ({ id: "1 1", state, ranMs, waitedMs });
  /** Looks every 200 ms, as is due, unless a time is given. */
  const usable = (looks: readonly (readonly [ThreadLook, number?])[]): number => {
    const time = new ProgramTime();
    let now = 0;
    for (const [at, [look, ms = 200]] of looks.entries()) {
      if (at > 0) now += ms;
      time.look(now, 200, [look]);
    }
    return time.usableMs;
  };

  test.each<[string, number, readonly (readonly [ThreadLook, number?])[]]>([
    ["while the program sleeps", 600, [[thread("S")], [thread("S")], [thread("S")], [thread("S")]]],
    ["while it computes", 400, [[thread("R")], [thread("R", 200)], [thread("R", 400)]]],
    [
      "not while it is stopped, nor around that",
      200,
      [[thread("S")], [thread("T")], [thread("T")], [thread("S")], [thread("S")]],
    ],
    ["not while it waits for a processor", 0, [[thread("R")], [thread("R")], [thread("R")]]],
    ["as far as it got one", 6, [[thread("R")], [thread("R", 3, 197)], [thread("R", 6, 394)]]],
    ["not for what it waited before it slept", 150, [[thread("S")], [thread("S", 10, 50)]]],
    ["as it was due, when the look came late", 200, [[thread("S")], [thread("S"), 3_000]]],
  ])("%s", (_, expected, looks) => {
    expect(usable(looks)).toBe(expected);
  });

  test("while the threads of a program crowd the processors that they have", () => {
    const time = new ProgramTime();
    const threads = (ranMs: number) => ["1", "2", "3", "4"].map((id) => ({ ...thread("R", ranMs, ranMs), id }));
    time.look(0, 200, threads(0));
    expect(time.look(200, 200, threads(100))).toBe(200);
  });
});

describe("an exit", () => {
  const codes = { done: [0], checkpointed: [85], retry: [75], fail: [2], otherwise: "retry" as const };
  const quiet: Circumstances = { incomplete: null, doneBy: "complete", asked: "no", bySignal: null, hasNews: "no" };
  const asked: Circumstances = {
    ...quiet,
    ...{ incomplete: "no final file", asked: "to_exit", bySignal: "SIGTERM", hasNews: "yes" },
  };
  const goesOn: Circumstances = { ...asked, incomplete: null, doneBy: "code", asked: "to_go_on", bySignal: "SIGUSR1" };
  const code = (value: number): Exit => ({ code: value, signal: null });
  const signal = (name: NodeJS.Signals): Exit => ({ code: null, signal: name });

  test.each<[string, Exit, Partial<Circumstances>, object]>([
    ["with 0 and everything there: done", code(0), {}, { kind: "done" }],
    [
      "with 0, unfinished: not done",
      code(0),
      { incomplete: "no file matches x" },
      {
        kind: "failed",
        fault: "error",
        why: expect.stringMatching(
          /^exited with code 0, but is not complete: no file matches x .*`exitCodes.checkpointed`/,
        ) as string,
      },
    ],
    [
      "with 0 when asked for a checkpoint, where only the code tells: a checkpoint (it finishes an iteration, and ends)",
      code(0),
      { ...asked, incomplete: null, doneBy: "code" },
      { kind: "checkpointed" },
    ],
    [
      "with 0 when asked for a checkpoint, all that `complete` asks for there: done",
      code(0),
      { ...asked, incomplete: null },
      { kind: "done" },
    ],
    [
      "with 0 when asked, and a checkpoint from just before: a checkpoint, for it was young enough",
      code(0),
      { ...asked, incomplete: null, doneBy: "code", hasNews: "before" },
      { kind: "checkpointed" },
    ],
    [
      "by the signal that asked, with no checkpoint but from just before: it may have died while it wrote",
      signal("SIGTERM"),
      { ...asked, hasNews: "before" },
      { kind: "failed" },
    ],
    [
      "with 0 when told to end, without a new checkpoint, where only the code tells: not done, as its last may be young",
      code(0),
      { ...asked, asked: "to_end", incomplete: null, doneBy: "code", hasNews: "no" },
      { kind: "lost" },
    ],
    [
      "with 0 when told to end, with all that `complete` asks for: done",
      code(0),
      { ...asked, asked: "to_end", incomplete: null, hasNews: "no" },
      { kind: "done" },
    ],
    ["with 0, asked for a checkpoint with which it goes on: done", code(0), goesOn, { kind: "done" }],
    ["with 1, asked for a checkpoint with which it goes on: failed", code(1), goesOn, { kind: "failed" }],
    [
      "by the signal that asked, though it was to go on, without a checkpoint: its own doing, asked too early perhaps",
      signal("SIGHUP"),
      { ...goesOn, bySignal: "SIGHUP", hasNews: "no" },
      { kind: "failed", why: expect.stringContaining("`checkpoint.ready` says") as string },
    ],
    ["with 0, unfinished, asked for a checkpoint: a checkpoint (OpenFOAM)", code(0), asked, { kind: "checkpointed" }],
    ["with 1 after SIGTERM and a new checkpoint: a checkpoint (GROMACS)", code(1), asked, { kind: "checkpointed" }],
    [
      "by the signal that asked, with a new checkpoint: a checkpoint",
      signal("SIGTERM"),
      asked,
      { kind: "checkpointed" },
    ],
    [
      "by SIGSEGV while it was asked: it may have died while it wrote",
      signal("SIGSEGV"),
      asked,
      { kind: "failed", fault: "error" },
    ],
    [
      "by the signal that asked, without a new checkpoint: failed (LAMMPS)",
      signal("SIGTERM"),
      { ...asked, hasNews: "no" },
      { kind: "failed", why: expect.stringContaining("wrote none") as string },
    ],
    ["with 85: a checkpoint, asked for or not", code(85), {}, { kind: "checkpointed" }],
    ["with a code of `fail`: for good", code(2), asked, { kind: "failed", fault: "not_retryable" }],
    ["with a code of `retry`, though asked: failed", code(75), asked, { kind: "failed", fault: "error" }],
    ["with any other code: failed, to be tried again", code(134), {}, { kind: "failed", fault: "error" }],
    ["by SIGKILL: somebody else's doing", signal("SIGKILL"), {}, { kind: "lost", why: "was ended by SIGKILL" }],
    [
      "by SIGKILL while it wrote what it was asked for: somebody else's doing too",
      signal("SIGKILL"),
      { ...asked, hasNews: "no" },
      { kind: "lost" },
    ],
    ["by SIGABRT: its own doing", signal("SIGABRT"), {}, { kind: "failed", fault: "error" }],
    [
      "with 137: how a shell tells SIGKILL",
      code(137),
      {},
      { kind: "lost", why: "exited with code 137, which is how a shell tells SIGKILL" },
    ],
    ["with 139 while it was asked: a shell tells SIGSEGV", code(139), asked, { kind: "failed", fault: "error" }],
    ["with 143 after SIGTERM and a new checkpoint: a checkpoint", code(143), asked, { kind: "checkpointed" }],
  ])("%s", (_, exit, now, expected) => {
    expect(meaningOf(exit, codes, { ...quiet, ...now })).toMatchObject(expected);
  });

  test("with 0 where 0 is the code of both ends: done when all is there, else a checkpoint, asked for or not", () => {
    const both = { ...codes, checkpointed: [0, 85] };
    expect(meaningOf(code(0), both, quiet)).toEqual({ kind: "done" });
    expect(meaningOf(code(0), both, { ...quiet, incomplete: "no file" })).toEqual({ kind: "checkpointed" });
  });

  test("with 0 when asked, where another code tells a checkpoint: done", () => {
    const apart = { ...codes, checkpointed: [3] };
    expect(meaningOf(code(0), apart, { ...asked, incomplete: null, doneBy: "code" })).toEqual({ kind: "done" });
  });
});

test("what a result finds is a number where that loses no digit, else text", () => {
  const resultText = /^sum (?<hash>\S+) energy (?<energy>\S+) steps (?<steps>\S+)/;
  const reader = new OutputReader({ completeText: [], resultText, progress: null } as unknown as Resolved, null);
  reader.line("sum 4390549305214273049 energy -1.5e-3 steps 60");
  expect(reader.result).toEqual({ hash: "4390549305214273049", energy: -0.0015, steps: 60 });
});
