import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundleTasks } from "../../src/tasks/bundle.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import type { OnlineTask } from "../../src/tasks/define.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-modules-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const module = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};
const bundle = (...modules: string[]) => bundleTasks({ modules, folder: join(folder, "bundles") });
const task = (name: string): string =>
  `export const ${name} = defineOnline({ name: "${name}", input: z.strictObject({ n: z.int() }), run: ({ n }) => n });`;

describe("a user's module", () => {
  test("in TypeScript is bundled, loaded and described, beside the built-in tasks", async () => {
    const path = await module(
      "mine.ts",
      `import { defineOnline, z } from "cairn-scheduler";\nconst one: number = 1;\n${task("mine")}\nexport default one;`,
    );
    const tasks = await loadTasks({ builtins: "on", modules: await bundle(path) });
    expect([...tasks.keys()]).toEqual(expect.arrayContaining(["echo", "count", "mine"]));
    expect(describeTask(tasks.get("mine")!).input).toMatchObject({ properties: { n: { type: "integer" } } });
  });

  test("U1: bundled twice it is one file", async () => {
    const path = await module("mine.mjs", `import { defineOnline, z } from "cairn-scheduler"; ${task("mine")}`);
    const first = await bundle(path);
    expect(await bundle(path)).toEqual(first);
    expect(await readdir(join(folder, "bundles"))).toHaveLength(1);
  });

  test("U2: may import zod by itself, though no such package is near it", async () => {
    const path = await module(
      "mine.js",
      `import { defineOnline } from "cairn-scheduler"; import * as z from "zod"; ${task("mine")}`,
    );
    const tasks = await loadTasks({ builtins: "off", modules: await bundle(path) });
    expect(describeTask(tasks.get("mine")!).input).toMatchObject({ type: "object" });
  });

  test("U3: sees its own place, and may declare a `require` of its own", async () => {
    await module("data.json", "[7]");
    const path = await module(
      "mine.mjs",
      `#!/usr/bin/env node
       import { createRequire } from "node:module"; import { defineOnline, z } from "cairn-scheduler";
       const require = createRequire(import.meta.url); const data = require("./data.json");
       export const seven = defineOnline({ name: "seven", input: z.null(), run: () => [data[0], import.meta.dirname] });`,
    );
    const tasks = await loadTasks({ builtins: "off", modules: await bundle(path) });
    const seven = tasks.get("seven") as OnlineTask;
    expect(await seven.run(null, {} as Parameters<typeof seven.run>[1])).toEqual([7, folder]);
  });

  test("U4: that is broken is refused with file, line and reason", async () => {
    const path = await module("broken.ts", `import { z } from "cairn-scheduler";\nconst = 1;`);
    await expect(bundle(path)).rejects.toThrow(/broken\.ts cannot be bundled[^]*broken\.ts:2:6/);
    await expect(bundle(join(folder, "none.ts"))).rejects.toThrow("there is no such file");
    await expect(bundle(await module("tasks.txt", ""))).rejects.toThrow("ends in .js, .mjs, .ts or .mts");
  });

  test("that throws when it is loaded is refused with the line in the user's file", async () => {
    const path = await module("throws.ts", `interface Gone { a: 1 }\n\nthrow new Error("no licence");`);
    await expect(loadTasks({ builtins: "off", modules: await bundle(path) })).rejects.toThrow(
      /no licence .*throws\.ts:3/,
    );
  });

  test("L1: two tasks of one name are refused, naming both modules", async () => {
    const text = `import { defineOnline, z } from "cairn-scheduler"; ${task("mine")}`;
    const modules = await bundle(await module("one.ts", text), await module("two.ts", text));
    await expect(loadTasks({ builtins: "off", modules })).rejects.toThrow(
      /"mine" is defined by .*one\.ts.* by .*two\.ts/,
    );
    const echo = await bundle(await module("echo.ts", text.replaceAll("mine", "echo")));
    await expect(loadTasks({ builtins: "on", modules: echo })).rejects.toThrow(
      /by the built-in tasks and by .*echo\.ts/,
    );
  });

  test("L2: that exports no task is refused", async () => {
    const path = await module("empty.ts", "export const nothing = 1;");
    await expect(loadTasks({ builtins: "off", modules: await bundle(path) })).rejects.toThrow(
      /empty\.ts exports no task/,
    );
  });
});
