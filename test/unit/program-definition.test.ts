/** What a program's definition may say, and what is said about one that cannot work. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineProgram, z } from "../../src/index.ts";
import { pathText } from "../../src/tasks/program/definition-fault.ts";
import { doubtsAbout } from "../../src/tasks/program/doubts.ts";
import { expand, expandCommand, type Scope, type StartKind } from "../../src/tasks/program/expand.ts";
import { InputFields } from "../../src/tasks/program/input-fields.ts";
import { parseProgramInput } from "../../src/tasks/program/input-schema.ts";
import { loadPrograms } from "../../src/tasks/program/kept-programs.ts";
import { absentInputs, lacking } from "../../src/tasks/program/on-this-machine.ts";
import { keepPrograms, placedFault } from "../../src/tasks/program/programs-file.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import { readmeBlocks } from "../support/readme.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-definition-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const scope = (input: unknown, startKind: StartKind = "start"): Scope => ({
  input,
  words: { job: "j1" },
  newest: (glob) => (["a*", "a.{x,y}"].includes(glob) ? "a2" : null),
  startKind,
  total: null,
});
const command = (parts: (string | { when: string; args: string[] })[], input: unknown, dashes: string[] = []) =>
  expandCommand(parts, scope(input), "start", dashes);

describe("an argument", () => {
  test("stays one argument whatever its text holds, is left out when absent, and several when a list", () => {
    const input = { text: "a b; $(rm -rf /) 'c'", list: ["x", "y z"], nested: { n: 1e-7 }, yes: true, no: false };
    expect(
      command(
        ["sim", "${input.text}", "${input.list}", "${input.absent}", "n=${input.nested.n}", "${newest:a*}", "$${x}"],
        input,
      ),
    ).toEqual(["sim", "a b; $(rm -rf /) 'c'", "x", "y z", "n=1e-7", "a2", "${x}"]);
    const when = (name: string) =>
      command(["sim", { when: `input.${name}`, args: ["-v", "${input.text}"] }], input).length;
    expect([when("yes"), when("no"), when("absent")]).toEqual([3, 1, 1]);
  });

  test("that begins with text of the input does not begin with a dash, unless that is declared; a number may", () => {
    expect(() => command(["sim", "${input.x}"], { x: "--help" })).toThrow('start[1]: input.x begins with "-"');
    expect(() => command(["sim", "${input.x}"], { x: ["a", "-b"] })).toThrow('begins with "-"');
    expect(() => command(["sim", "${input.x}y"], { x: "-" })).toThrow('begins with "-"');
    expect(command(["sim", "${input.x}"], { x: "--help" }, ["input.x"])).toEqual(["sim", "--help"]);
    expect(command(["sim", "${input.x}", "--x=${input.y}"], { x: -3, y: "-1" })).toEqual(["sim", "-3", "--x=-1"]);
  });

  test("may be one thing at the first start and another when it resumes, and is left out when that is nothing (EX1)", () => {
    const at = (kind: StartKind) =>
      expandCommand(["sim", "${start:|resume:--restart}", "-n${start:1|resume:2}"], scope({}, kind), "start", []);
    expect(at("start")).toEqual(["sim", "-n1"]);
    expect(at("resume")).toEqual(["sim", "--restart", "-n2"]);
  });

  test("names the newest file of a pattern, with braces too (EX3), and what is put in where there is none", () => {
    expect(command(["${newest:a.{x,y}}", "f=${newest:b*|none}", "${newest:b*|}", "${newest:@(b|c)*|d}"], {})).toEqual([
      "a2",
      "f=none",
      "d",
    ]);
  });

  test("cannot reach what is not the input's own", () => {
    expect(command(["sim", "${input.constructor}", "${input.__proto__}"], {})).toEqual(["sim"]);
    expect(() => expand("${newest:b*}", scope({}), "resume[1]")).toThrow("resume[1]: no file matches b*");
    expect(() => expand("x=${input.y}", scope({}), "env.X")).toThrow("env.X: input.y was not given");
    expect(() => command(["sim", "${input.x}"], { x: "a\0b" })).toThrow("zero byte");
  });
});

describe("a programs file", () => {
  const refused = async (text: string): Promise<string> => {
    const path = join(folder, "programs.yaml");
    await writeFile(path, text);
    return keepPrograms([path], join(folder, "kept")).then(
      () => "accepted",
      (error: unknown) => (error as Error).message.replaceAll(`${path}:`, ""),
    );
  };
  const program = (more: string): string =>
    `programs:\n  - name: sim\n    input: { type: object, properties: { n: { type: integer } }, additionalProperties: false }\n    start: [sim, "\${input.n}"]\n${more}`;

  test.each([
    ["programs: 7", "must hold a list `programs:`"],
    [`common: {}\n${program("")}`, "common: beside `programs:` there may only be keys that begin with x-"],
    ["programs:\n  - <<: *none\n    name: sim", "2: *none: there is no anchor &none above"],
    [
      "x-common: &common { start: [sim, 3.5, yes], outputs: 3 }\nprograms:\n  - { <<: *common, name: sim, input: {} }",
      "3: programs[0].outputs: must be a list, not 3",
    ],
    ["programs:\n  - name: sim\n   x: 1", /^3: /],
    [program("    checkpiont: {}"), "5: programs[0].checkpiont: is not a known field"],
    [
      program("    checkpoint: { trigger: { signal: SIGKIL } }"),
      "5: programs[0].checkpoint.trigger.signal: must be the name of a signal, like SIGUSR1",
    ],
    [program("    checkpoint: { trigger: { signal: SIGKILL } }"), "cannot be handled by any program"],
    [
      program("    checkpoint: { trigger: { signal: SIGUSR1, file: STOP } }"),
      "must have exactly one of signal, file, command, stdin",
    ],
    [
      program("    limits: { memoryBytes: 2 GIGS }"),
      "5: programs[0].limits.memoryBytes: must be a whole number of bytes, or text like 64KiB, 512MiB, 2GiB",
    ],
    [program("    resume: sim --restart"), "5: programs[0].resume: must be a list: the executable, then its arguments"],
    [program("    resume: [bin/sim]"), '"bin/sim" is a relative path: begin it with "./"'],
    [
      program('    outputs: ["${input.m}"]'),
      "5: programs[0].outputs[0]: ${input.m}: the input's schema has no field m",
    ],
    [program('    env: { X: "${jbo}" }'), "${jbo}: there is no such name; known are job, attempt"],
    [program("    files: { ../x: { text: a } }"), "must be a path inside the working folder"],
    [program("    resume: [sim, true]"), "resume[1]: must be text, a number, or"],
    [program("    outputs: [{ files: a, optionel: true }]"), "outputs[0].optionel: is not a known field"],
    [program("    progress: { text: '(' }"), "must be a regular expression"],
    [program("    exitCodes: { retry: [0] }"), "0 cannot mean two things"],
    [program("    exitCodes: { checkpointed: [0] }"), "exitCodes.checkpointed: 0 is in `done` too: say in `complete`"],
    [program("    exitCodes: { checkpointed: [0] }\n    complete: { files: [final] }"), "accepted"],
    [program("    progress: { text: '(' }"), "JavaScript: a ( is never closed"],
    [program("    progress: { text: '(?P<n>x)' }"), "a named group is (?<name>…)"],
    [program("    progress: { text: 'step \\d+' }"), "progress.text: has no group, and what it finds is no number"],
    [program("    outputs: 3"), "programs[0].outputs: must be a list, not 3"],
    [program("    checkpoint: { keep: 1 }"), "checkpoint.keep: must be at least 2"],
    [program("    effects: some"), 'effects: must be "none" or "outside", not "some"'],
    ["programs:\n  - name: sim\n    input: {}", "2: programs[0].start: must be a list: the executable"],
    [program("    resume: [sim, -r]"), "resume: is never used: without `checkpoint` there is nothing to resume from"],
    [
      program("    checkpoint: { files: [/tmp/a] }"),
      'checkpoint.files[0]: "/tmp/a" matches nothing: patterns are relative',
    ],
    [program("    checkpoint: { files: [~/.sim/state] }"), '"~/.sim/state" matches nothing: patterns are relative'],
    [program("    outputs: [{ files: ../b }]"), 'outputs[0].files: "../b" matches nothing'],
    [
      program("    checkpoint: { files: [GO, x], trigger: { file: GO } }"),
      "GO asks for the checkpoint, and so is never",
    ],
    [
      program("    checkpoint: { written: { settleMs: 2s, text: done } }"),
      "5: programs[0].checkpoint.written.settleMs: is not heeded: `text` tells when",
    ],
    [
      program("    checkpoint: { files: [journal], appended: [journal], trigger: { signal: SIGUSR1 } }"),
      "checkpoint.appended: names all of `files`, and what only grows never shows that it is complete",
    ],
    [
      program("    checkpoint: { written: { closed: true, text: done } }"),
      "checkpoint.written: must have only one of text, file, lastLine, closed, always",
    ],
    [program("    stdin: input.nml"), "5: programs[0].stdin: nothing lays out input.nml"],
    [program("    limits: { memoryBytes: 0, wallMs: 0s }"), /limits\.wallMs: is 0, .*\n.*limits\.memoryBytes: is 0/s],
    ["programs:\n  - name: sim\n    start: [sim]", "must be the JSON Schema of the job's input"],
    [
      "programs:\n  - name: sim\n    input: { type: objekt }\n    start: [sim]",
      "3: programs[0].input: is not a usable JSON Schema",
    ],
    [
      "programs:\n  - name: Sim\n    input: {}\n    start: [sim]",
      "2: programs[0].name: must be 1 to 63 lower-case letters",
    ],
  ])("is refused with line, field and what is expected: %#", async (text, expected) => {
    expect(await refused(text)).toMatch(expected);
  });

  test("becomes a batch task with its schema, its times in milliseconds, its places absolute", async () => {
    expect(
      await refused(
        program(
          "    resume: [./sim]\n    checkpoint: { trigger: { file: STOP }, intervalMs: 5m, maxMs: 1h }\n    limits: { memoryBytes: 2GiB }",
        ),
      ),
    ).toBe("accepted");
    const [kept] = await keepPrograms([join(folder, "programs.yaml")], join(folder, "kept"));
    const [task] = (await loadPrograms(kept!)).tasks;
    expect(describeTask(task!)).toMatchObject({
      class: "batch",
      interval: { everyMs: 300_000, minMs: 1_000, maxMs: 3_600_000 },
      input: { properties: { n: { type: "integer" } } },
    });
    expect(task!.program.resume).toEqual([join(folder, "sim")]);
    expect(task!.program.limits.memoryBytes).toBe(2 ** 31);
    expect(parseProgramInput(task!.input, { n: 1.5, m: 1 })).toEqual({
      kind: "refused",
      detail: expect.stringMatching(/must NOT have additional properties \(m\).*must be integer/) as string,
    });
  });

  test("says once what its programs share, by an anchor and a merge key (PF3)", async () => {
    const text = `
x-common: &common
  input: &input { type: object }
  start: [sim]
  checkpoint: &when { files: [a], trigger: { signal: SIGUSR1 } }
programs:
  - <<: *common
    name: one
  - <<: [{ start: [other] }, *common]
    name: two
    checkpoint: { <<: *when, files: [b] }
`;
    expect(await refused(text)).toBe("accepted");
    const [kept] = await keepPrograms([join(folder, "programs.yaml")], join(folder, "kept"));
    const programs = (await loadPrograms(kept!)).tasks.map(({ name, program: { start, checkpoint } }) => {
      return { name, start, files: checkpoint?.files, signal: checkpoint?.trigger?.signal };
    });
    expect(programs).toEqual([
      { name: "one", start: ["sim"], files: ["a"], signal: "SIGUSR1" },
      { name: "two", start: ["other"], files: ["b"], signal: "SIGUSR1" },
    ]);
  });

  test("of the README is one that can be read, all of them", async () => {
    const readme = await readFile(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
    const files = readmeBlocks(readme).filter(({ name }) => name.endsWith(".yaml"));
    for (const { name, content } of files) await writeFile(join(folder, name), content);
    const kept = await keepPrograms(
      files.map(({ name }) => join(folder, name)),
      join(folder, "kept"),
    );
    const names = (await Promise.all(kept.map(loadPrograms))).flatMap(({ tasks }) => tasks.map(({ name }) => name));
    expect(names).toEqual([
      "chain",
      "gromacs",
      "heat",
      "by-sigterm",
      "pw",
      "melt",
      "cavity",
      "mrbayes",
      "by-make",
      "fortran",
    ]);
  });
});

describe("a script on a command line", () => {
  const input = z.strictObject({ s: z.string(), n: z.int(), kind: z.enum(["a", "b"]), list: z.array(z.string()) });
  const defined = (start: string[]): (() => unknown) => {
    return () => defineProgram({ name: "sim", input, start });
  };

  test("may not hold text that a caller may choose freely", () => {
    const refusal = "start[2]: ${input.s} stands inside of a script";
    expect(defined(["sh", "-c", "sim ${input.s} > out"])).toThrow(refusal);
    expect(defined(["/bin/bash", "-euc", "sim '${input.s}'"])).toThrow(refusal);
    expect(defined(["python3", "-c", "print('${input.s}')"])).toThrow(refusal);
    expect(defined(["sh", "-c", "sim ${input.list}"])).toThrow("${input.list} stands inside of a script");
    expect(defined(["nice", "sh", "-c", "x ${input.s}"])).toThrow("start[3]");
  });

  test("may hold what can be no command, and have it as its arguments", () => {
    defined(["sh", "-c", 'exec sim "$1" > out', "sh", "${input.s}"])();
    defined(["sh", "-c", "exec sim ${input.n} ${input.kind} ${job} > out"])();
    defined(["sim", "-c", "case=${input.s}"])();
  });
});

test("what may be meant is doubted, not refused", () => {
  const input = z.strictObject({ s: z.string() });
  const doubts = (more: object, start = ["sim"]): string[] => {
    const { program } = defineProgram({ name: "sim", input, start, ...more });
    return doubtsAbout(program, new InputFields(input)).map(({ path, detail }) => `${pathText(path)}${detail}`);
  };
  expect(doubts({}, ["sim", "${input.s}", ">", "out.txt"])).toEqual([
    expect.stringMatching(/^start\[2\]: ">" is given to the program as an argument.*`stdout`/) as string,
  ]);
  expect(doubts({}, ["sh", "-c", "${input.s}"])).toEqual([
    expect.stringMatching(/^start\[2\]: a caller can run any command/) as string,
  ]);
  expect(doubts({ checkpoint: { files: ["a[.dat"], exclude: ["{b", "[ab]{c,d}", "\\[x"] } })).toEqual([
    expect.stringMatching(/^checkpoint\.files\[0\]: in "a\[\.dat" a \[ is never closed/) as string,
    expect.stringMatching(/^checkpoint\.exclude\[0\]: in "\{b" a \{/) as string,
  ]);
  expect(doubts({ checkpoint: { files: ["state.dat"], replaced: ["sate.dat"] } })).toEqual([
    expect.stringMatching(/^checkpoint\.replaced\[0\]: sate\.dat is in neither/) as string,
  ]);
  const asked = { files: ["a"], trigger: { signal: "SIGINT", then: "exits" } };
  expect(doubts({ checkpoint: asked }, ["/usr/bin/python3.11", "sim.py"])).toEqual([
    expect.stringMatching(
      /^checkpoint\.trigger\.signal: python3\.11 handles SIGINT from .*`checkpoint\.ready`/,
    ) as string,
  ]);
  expect(doubts({ checkpoint: { ...asked, ready: { text: "^step" } } }, ["python3", "sim.py"])).toEqual([]);
  expect(doubts({ checkpoint: { files: ["a"], stop: { signal: "SIGTERM" } } }, ["python3", "sim.py"])).toEqual([]);
  expect(doubts({ checkpoint: { replaced: ["a.dat"] } }, ["find", ".", "-exec", "rm", "{}", ";"])).toEqual([]);
});

describe("what a definition names, and this machine does not have", () => {
  const input = z.strictObject({ script: z.string() });
  const missing = async (more: object): Promise<string[]> => {
    const faults = await lacking(defineProgram({ name: "sim", input, here: folder, start: ["sh"], ...more }), {
      PATH: "/bin:/x/node_modules/.bin",
    });
    return faults.map(({ path, detail }) => `${pathText(path)}${detail}`);
  };

  test("is told before a job runs, by whatever path it is named, all of it at once", async () => {
    for (const start of ["${here}/missing.pl", "./missing.pl", join(folder, "missing.pl")]) {
      expect(await missing({ start: [start] })).toEqual([
        expect.stringContaining(`start[0]: ${join(folder, "missing.pl")} is not there`) as string,
      ]);
    }
    const resume = ["${here}/missing.pl"];
    expect(await missing({ start: ["not-there"], resume, checkpoint: {}, user: "nobody-of-that-name" })).toEqual([
      expect.stringContaining("start[0]: not-there is not in PATH (/bin); install it") as string,
      expect.stringContaining("resume[0]: ") as string,
      "user: there is no user nobody-of-that-name on this machine",
    ]);
    expect(await missing({ start: ["${here}/${input.script}"] })).toEqual([]);
  });

  test("may be what a script is run by", async () => {
    const written = async (firstLine: string): Promise<string[]> => {
      await writeFile(join(folder, "script"), `${firstLine}\necho\n`, { mode: 0o755 });
      return await missing({ start: ["./script"] });
    };
    expect(await written("#!/bin/sh -e")).toEqual([]);
    expect(await written("#!/usr/bin/env sh")).toEqual([]);
    expect(await written("echo")).toEqual([]);
    expect(await written("#!/opt/pyhton/bin/pyhton")).toEqual([
      expect.stringContaining("cannot be run: its first line is #!/opt/pyhton/bin/pyhton, and /opt/pyhton") as string,
    ]);
    expect(await written("#!/usr/bin/env pyhton3")).toEqual([
      expect.stringContaining("and pyhton3 is not on") as string,
    ]);
    expect(await written("#!/bin/sh\r")).toEqual([expect.stringContaining("CR LF") as string]);
  });

  test("is only doubted when it is an input file, for that may yet come", async () => {
    await writeFile(join(folder, "mesh"), "");
    const files = { a: { path: "mesh" }, b: { path: "${here}/maze" }, c: { path: "${input.script}" } };
    const faults = await absentInputs(defineProgram({ name: "sim", input, here: folder, start: ["sh"], files }));
    expect(faults).toMatchObject([{ path: ["files", "b", "path"], detail: expect.stringContaining("maze") as string }]);
  });

  test("is told with file and line where the program stands in a file", async () => {
    const path = join(folder, "places.yaml");
    await writeFile(path, "programs:\n  - name: a\n    start: [sh]\n  - name: b\n    start: [sh]\n    resume: [x]\n");
    const fault = { path: ["resume", 0], detail: "is wrong" };
    expect(await placedFault([path], "b", fault)).toBe(`${path}:6: programs[1].resume[0]: is wrong`);
    expect(await placedFault([path], "c", fault)).toBe('program "c": resume[0]: is wrong');
  });
});

test("defineProgram refuses by field, and comes to the same as a file", () => {
  const input = z.strictObject({ n: z.int() });
  expect(() => defineProgram({ name: "sim", input, start: ["sim", "${input.m}"] })).toThrow(
    'program "sim": start[1]: ${input.m}: the input\'s schema has no field m',
  );
  expect(() => defineProgram({ name: "sim", input, start: ["./sim"] })).toThrow("give an absolute path");
  expect(describeTask(defineProgram({ name: "sim", input, start: ["sim"], maxRetries: 1 }))).toMatchObject({
    maxRetries: 1,
  });
});
