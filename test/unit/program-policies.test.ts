/** When a checkpoint of a program is complete, and what its end means. */
import { describe, expect, test } from "vitest";
import { Completeness } from "../../workers/program/completeness.ts";
import { meaningOf, type Circumstances } from "../../workers/program/exit-meaning.ts";
import type { Exit } from "../../workers/program/process-run.ts";

const files = (signature: string, more: object = {}) => ({
  steady: ["a", "b"],
  looks: [],
  replaced: new Set<string>(),
  appended: [],
  missing: [],
  markers: "",
  signature,
  ...more,
});
const closed = (): boolean => false;
const open = (): boolean => true;

describe("a checkpoint is complete", () => {
  const byRest = (): Completeness => {
    const completeness = new Completeness({ settleMs: 100, text: null, by: "rest" });
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
    const byText = new Completeness({ settleMs: 100, text: /^written/, by: "text" });
    byText.line("written 1");
    byText.begin(files("old"));
    expect(byText.judge(files("new"), 9_999, closed).kind).toBe("waiting");
    byText.line("written 2");
    expect(byText.judge(files("new"), 9_999, closed).kind).toBe("complete");
    const byFile = new Completeness({ settleMs: 100, text: null, by: "file" });
    byFile.begin(files("old", { markers: "m1" }));
    expect(byFile.judge(files("new", { markers: "m1" }), 9_999, closed).kind).toBe("waiting");
    expect(byFile.judge(files("new", { markers: "m2" }), 9_999, closed).kind).toBe("complete");
  });
});

describe("an exit", () => {
  const codes = { done: [0], checkpointed: [85], retry: [75], fail: [2], otherwise: "retry" as const };
  const quiet: Circumstances = { incomplete: null, asked: "no", bySignal: null, hasNews: "no" };
  const asked: Circumstances = { incomplete: "no final file", asked: "to_exit", bySignal: "SIGTERM", hasNews: "yes" };
  const code = (value: number): Exit => ({ code: value, signal: null });
  const signal = (name: NodeJS.Signals): Exit => ({ code: null, signal: name });

  test.each<[string, Exit, Partial<Circumstances>, object]>([
    ["with 0 and everything there: done", code(0), {}, { kind: "done" }],
    [
      "with 0, unfinished: not done",
      code(0),
      { incomplete: "no file matches x" },
      { kind: "failed", fault: "error", why: "exited with code 0, but is not complete: no file matches x" },
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
    ["by SIGABRT: its own doing", signal("SIGABRT"), {}, { kind: "failed", fault: "error" }],
  ])("%s", (_, exit, now, expected) => {
    expect(meaningOf(exit, codes, { ...quiet, ...now })).toMatchObject(expected);
  });
});
