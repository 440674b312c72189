/** What is said in the job's log about files of a checkpoint that give none: which change and how, and what to say. */
import { describe, expect, test } from "vitest";
import { Completeness } from "../../workers/program/completeness.ts";
import { FileChanges } from "../../workers/program/file-changes.ts";
import type { Look } from "../../workers/program/folder-look.ts";
import { MatchWatch, type Unwritten } from "../../workers/program/match-watch.ts";

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

describe("how the files of a checkpoint change", () => {
  const look = (name: string, inode: number, bytes: number): Look => ({
    ...{ name, bytes, mtimeMs: 0, mtimeNs: "0", mode: 0o644, inode: String(inode) },
    signature: `${name} ${bytes} ${inode}`,
  });
  /** @param inodes of the file `run.ckp` at each look; its size is another each time */
  const after = (...inodes: readonly number[]): FileChanges => {
    const changes = new FileChanges();
    for (const [at, inode] of inodes.entries()) changes.look([look("run.ckp", inode, at), look("mesh", 1, 1)]);
    return changes;
  };

  test("is told of those alone that have changed since the look before", () => {
    const changes = after(5, 5);
    expect(changes.latest).toEqual(["run.ckp"]);
    changes.look([look("run.ckp", 5, 1), look("mesh", 1, 1)]);
    expect(changes.latest).toEqual([]);
  });

  test("one that is another file each time is probably renamed, and it is said what to say", () => {
    const changes = after(5, 6, 5, 6);
    expect(changes.replaced).toEqual(["run.ckp"]);
    expect(changes.remark(new Set())).toMatch(/^; each time that run\.ckp changes .*`checkpoint\.replaced`$/);
    const known = changes.remark(new Set(["run.ckp"]));
    expect(known).toMatch(
      /^; beside it there is mesh, .*if it comes last, say `checkpoint\.written: \{ file: run\.ckp \}`$/,
    );
    expect(changes.remark(new Set(["run.ckp", "mesh"]))).toBe("");
  });

  test.each<[string, readonly number[]]>([
    ["that is written in place", [5, 5, 5, 5]],
    ["that is also written in place", [5, 6, 7, 8, 8]],
    ["of which too little is seen", [5, 6, 7]],
  ])("nothing is said of one %s", (_, inodes) => {
    expect(after(...inodes).remark(new Set())).toBe("");
  });

  test("it is said to who waits for rest", () => {
    const completeness = new Completeness({ settleMs: 100, text: null, lastLine: null, closed: false, by: "rest" });
    const judge = (inode: number) => {
      const looks = [look("run.ckp", inode, inode), look("mesh", 1, 1)];
      const seen = files(String(inode), { steady: ["run.ckp", "mesh"], looks });
      return completeness.judge(seen, inode * 50, closed);
    };
    judge(1);
    expect(judge(2)).toEqual({ kind: "waiting", why: "its files still change (run.ckp)" });
    judge(3);
    expect(judge(4)).toMatchObject({ why: expect.stringContaining("`checkpoint.replaced`") as string });
  });
});

describe("that a pattern matches nothing", () => {
  const watched = (
    missing: readonly string[],
    names: readonly string[],
    { hasMatched = false, unwritten }: { hasMatched?: boolean; unwritten?: () => Unwritten | null } = {},
  ) => {
    const notes: string[] = [];
    const dropped: string[] = [];
    const look = () => files("", { missing });
    const watch = new MatchWatch({
      files: { look },
      names: () => names,
      beginMs: 0,
      hasMatched: () => hasMatched,
      unwritten: unwritten ?? (() => null),
      note: (text) => notes.push(text),
      onDropped: (text) => dropped.push(text),
    });
    return { notes, dropped, watch };
  };

  test("is said once while the program runs, with what lies there instead, and once more at its end", () => {
    const { notes, watch } = watched(["chkpt*.dat"], ["ckpt.dat", "out.log"]);
    watch.look(9_999);
    expect(notes).toEqual([]);
    watch.look(10_000);
    watch.look(20_000);
    watch.ended();
    expect(notes).toEqual([
      "no file matches chkpt*.dat so far, so there is no checkpoint (`checkpoint.files`); in the working folder is ckpt.dat, out.log",
      "no file matched chkpt*.dat until the end: this attempt made no checkpoint (`checkpoint.files`); in the working folder is ckpt.dat, out.log",
    ]);
  });

  test("is not said of a program that removes its checkpoint when it is done", () => {
    const { notes, watch } = watched(["ckpt.dat"], ["final.dat"], { hasMatched: true });
    watch.ended();
    expect(notes).toEqual([]);
  });

  test("nor what is to tell that they are complete: that is said after a minute, and at the end", () => {
    let why: Unwritten | null = null;
    const { notes, dropped, watch } = watched([], ["sim-1.gfs"], { unwritten: () => why });
    watch.look(0);
    why = { why: 'the last line of sim-1.gfs does not say so, it is "}"', by: "word" };
    watch.look(10_000);
    watch.look(69_999);
    expect({ notes, dropped }).toEqual({ notes: [], dropped: [] });
    watch.look(70_000);
    watch.look(80_000);
    watch.ended();
    expect(dropped).toEqual([
      'its files change, and none is complete so far: the last line of sim-1.gfs does not say so, it is "}" (`checkpoint.written`)',
    ]);
    expect(notes).toEqual([
      'this attempt made no checkpoint: the last line of sim-1.gfs does not say so, it is "}" (`checkpoint.written`)',
    ]);
  });

  test("where rest is to tell, that none was complete is said at the end alone: who looks for rest speaks before", () => {
    const open: Unwritten = { why: "its files are open for writing", by: "rest" };
    const { notes, dropped, watch } = watched([], ["out.state"], { unwritten: () => open });
    watch.look(0);
    watch.look(100_000);
    watch.ended();
    expect(dropped).toEqual([]);
    expect(notes).toEqual(["this attempt made no checkpoint: its files are open for writing (`checkpoint.written`)"]);
  });

  test("is not said when all of them match", () => {
    const { notes, watch } = watched([], ["ckpt.dat"]);
    watch.look(10_000);
    watch.ended();
    expect(notes).toEqual([]);
  });
});
