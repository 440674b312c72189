/** Programs whose files are a checkpoint at any moment: what their definition may say, and what is kept of their files. */
import { appendFileSync, truncateSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defineProgram, z } from "../../src/index.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import { CheckpointFiles } from "../../workers/program/checkpoint-files.ts";
import { Completeness } from "../../workers/program/completeness.ts";
import { Shelf } from "../../workers/program/shelf.ts";

type Checkpoint = NonNullable<Parameters<typeof defineProgram>[0]["checkpoint"]>;

const defined = (checkpoint: Checkpoint) =>
  defineProgram({ name: "sim", input: z.strictObject({}), start: ["sim"], checkpoint });

test.each<[Checkpoint, string]>([
  [{ written: { closed: true, always: true } }, "written: must have only one of text, file, lastLine, closed, always"],
  [
    { written: { always: true }, trigger: { signal: "SIGUSR1" } },
    "trigger: is not heeded: with `written.always` nobody is asked",
  ],
  [
    { written: { always: true }, stop: { signal: "SIGTERM" } },
    "stop.then: must be exits: its files are a checkpoint at any moment",
  ],
  [{ written: { always: true, settleMs: "2s" } }, "written.settleMs: is not heeded: `always` tells when"],
  [
    { files: ["a"], lines: ["a"], written: { settleMs: "2s" } },
    "written.settleMs: is not heeded: what only grows is taken at each interval",
  ],
  [
    { files: ["a", "b"], appended: ["a"], lines: ["a"] },
    "lines[0]: a is in `appended` too: a file is written in one of these ways",
  ],
  [{ files: ["a"], lines: ["a"], written: { closed: true } }, "lines: names all of `files`, and what only grows never"],
  [{ files: ["a"], ready: { file: "b" } }, "ready: is about `trigger`, `stop` and `written.always`"],
])("what contradicts it is refused, with the field and what to do: %#", (checkpoint, expected) => {
  expect(() => defined(checkpoint)).toThrow(`checkpoint.${expected}`);
});

test("a program that is one is asked at intervals, as one that has a trigger; others are not", () => {
  const every = (checkpoint: Checkpoint): unknown => describeTask(defined(checkpoint)).interval?.everyMs;
  const never = 2_147_483_647;
  expect(every({ files: ["a"], trigger: { signal: "SIGUSR1" } })).toBe("auto");
  expect(every({ files: ["state.db*"], written: { always: true }, ready: { file: "state.db" } })).toBe("auto");
  expect(every({ files: ["a"], appended: ["a"], stop: { signal: "SIGTERM", then: "exits" } })).toBe("auto");
  expect(every({ files: ["a", "b"], lines: ["a", "b"], intervalMs: "5s" })).toBe(5_000);
  expect(every({ files: ["a", "b"], lines: ["a"] })).toBe(never);
  expect(every({ files: ["a"], appended: ["a"], written: { text: "done" } })).toBe(never);
});

const files = (signature: string, more: object = {}) => ({
  ...{ steady: ["a"], looks: [], replaced: new Set<string>(), appended: [], lines: new Set<string>(), links: [] },
  ...{ endings: [], bytes: 0, missing: [], growth: "", markers: "", signature, ...more },
});
const unasked = { isOpen: () => "yes" as const, lastLineOf: () => null };

test("it is complete at any moment; nothing is new where it has neither changed nor grown", () => {
  const always = new Completeness({ settleMs: "auto", text: null, lastLine: null, closed: false, by: "always" });
  always.begin(files("old", { growth: "1" }));
  expect(always.judge(files("new"), 0, unasked)).toEqual({ kind: "complete" });
  expect(always.judge(files("old", { missing: ["*.db"] }), 0, unasked).kind).toBe("waiting");
  const news = [files("old", { growth: "1" }), files("new", { growth: "1" }), files("old", { growth: "2" })];
  expect(news.map((look) => always.hasNews(look))).toEqual([false, true, true]);
  const byRest = new Completeness({ settleMs: 100, text: null, lastLine: null, closed: false, by: "rest" });
  byRest.begin(files("old", { growth: "1" }));
  // That a log grows is no checkpoint; where nothing else is there it is all the news there can be.
  expect(byRest.hasNews(files("old", { growth: "2" }))).toBe(false);
  expect(byRest.hasNews(files("old", { growth: "2", steady: [] }))).toBe(true);
});

test("what only grows is kept as long as it was when the program was paused, and up to its last whole line where that is said", async () => {
  const root = await mkdtemp(join(tmpdir(), "cairn-moment-"));
  const working = join(root, "working");
  await mkdir(working);
  const append = (name: string, text: string): void => appendFileSync(join(working, name), text);
  const files = new CheckpointFiles(working, {
    ...{ files: ["*.log", "*.csv"], optional: [], exclude: [], replaced: [], marker: null, ending: null },
    ...{ appended: ["*.log", "*.csv"], lines: ["*.csv"] },
  });
  const shelf = new Shelf({ working, folder: join(root, "shelf"), look: () => files.look(), clock: systemClock });
  const about = { progress: null, blockedMs: () => 0, mapped: [], onCopying: () => undefined };
  append("a.log", "one\ntwo");
  append("b.csv", "1\n2\n3");
  append("c.csv", "half");
  append("long.csv", `${"x".repeat(70_000)}\n${"y".repeat(70_000)}`);
  const goesOn = (): null => {
    for (const name of ["a.log", "b.csv", "c.csv", "long.csv"]) append(name, "more\n");
    return null;
  };
  expect(await shelf.freeze(files.look(), { ...about, release: goesOn })).toBeNull();
  const into = join(root, "stored");
  await mkdir(into);
  await shelf.handOver(into);
  const kept = (name: string): Promise<string> => readFile(join(into, name), "utf8");
  expect([await kept("a.log"), await kept("b.csv"), await kept("c.csv")]).toEqual(["one\ntwo", "1\n2\n", ""]);
  expect((await kept("long.csv")).length).toBe(70_001);

  const cut = (): null => {
    truncateSync(join(working, "b.csv"), 1);
    return null;
  };
  expect(await shelf.freeze(files.look(), { ...about, release: cut })).toBe(
    "b.csv became shorter, though it is said to grow only",
  );
  expect(await shelf.freeze(files.look(), { ...about, release: () => "it went on" })).toBe("it went on");
  await rm(root, { recursive: true, force: true });
});
