import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** The repository's, but what is plain JavaScript is not checked here: for that the types of Node.js would be read. */
const COMPILER_SETTINGS = readFileSync(join(REPOSITORY, "tsconfig.json"), "utf8")
  .replace('"types": ["node"]', '"types": []')
  .replace('"checkJs": true', '"checkJs": false');
let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cairn-build-"));
  for (const folder of ["src/launch", "src/queue", "workers", "api"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) cpSync(join(REPOSITORY, file), join(root, file));
  write("tsconfig.json", COMPILER_SETTINGS);
  for (const file of ["build.mjs", "bundle-processes.mjs", "cairn.mjs", "folder-lock.mjs", "process-identity.mjs"]) {
    cpSync(join(REPOSITORY, "src/launch", file), join(root, "src/launch", file));
  }
  symlinkSync(join(REPOSITORY, "node_modules"), join(root, "node_modules"));
  write("src/index.ts", "export const one: number = 1;\n");
  write("src/queue/push.lua", "return 1\n");
  write("workers/agent.ts", 'import { one } from "../src/index.ts";\nexport const two = one + 1;\n');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text);
}

function read(path: string): string {
  return readFileSync(join(root, "dist", path), "utf8");
}

function startBuild(): ChildProcess & { text: () => string } {
  const child = spawn(process.execPath, [join(root, "src/launch/build.mjs")], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return Object.assign(child, { text: () => text });
}

async function build(): Promise<{ code: number | null; text: string }> {
  const child = startBuild();
  await once(child, "close");
  return { code: child.exitCode, text: child.text() };
}

describe("npm run build", () => {
  it("compiles, copies the scripts, and does nothing the second time", async () => {
    expect(await build()).toMatchObject({ code: 0, text: expect.stringContaining("Built in") as string });
    expect(read("workers/agent.js")).toContain("one + 1");
    expect(read("src/queue/push.lua")).toBe("return 1\n");
    const before = statSync(join(root, "dist/workers/agent.js")).mtimeMs;
    expect(await build()).toEqual({ code: 0, text: "Nothing to build.\n" });
    expect(statSync(join(root, "dist/workers/agent.js")).mtimeMs).toBe(before);
  });

  it("goes by content and not by time", async () => {
    await build();
    const text = "export const one: number = 1;\n";
    write("src/index.ts", text);
    expect((await build()).text).toBe("Nothing to build.\n");
    write("src/index.ts", text.replace("= 1", "= 11"));
    await build();
    expect(read("src/index.js")).toContain("= 11");
    write("src/queue/push.lua", "return 2\n");
    await build();
    expect(read("src/queue/push.lua")).toBe("return 2\n");
  });

  it("takes away what has no source any more", async () => {
    await build();
    for (const path of ["workers/agent.ts", "src/queue/push.lua"]) rmSync(join(root, path));
    await build();
    for (const path of ["workers/agent.js", "workers/agent.d.ts", "workers/agent.js.map", "src/queue/push.lua"]) {
      expect(existsSync(join(root, "dist", path))).toBe(false);
    }
    expect(existsSync(join(root, "dist/src/launch/build.mjs"))).toBe(true);
  });

  it("fails on sources that do not compile, and is done again when they do", async () => {
    write("src/index.ts", 'export const one: number = "1";\n');
    const failed = await build();
    expect(failed.code).toBe(1);
    expect(failed.text).toContain("src/index.ts(1,14)");
    expect((await build()).code).toBe(1);
    write("src/index.ts", "export const one: number = 1;\n");
    expect((await build()).code).toBe(0);
  });

  it("makes one program of each kind of process, which knows its place; the program before it stays for who runs it", async () => {
    const programs = (): string[] => readdirSync(join(root, "dist/run"));
    const say = (): string =>
      spawnSync(process.execPath, [join(root, "dist/workers/main.js")], { encoding: "utf8" }).stdout;
    const text = `declare const console: { log(...data: unknown[]): void };
declare global { interface ImportMeta { url: string } }
import { two } from "./agent.ts";
console.log(two, import.meta.url);
`;
    write("workers/main.ts", text);
    await build();
    const place = pathToFileURL(join(realpathSync(root), "dist/workers/main.js")).href;
    expect(say()).toBe(`2 ${place}\n`);
    const [first = ""] = programs();
    rmSync(join(root, "dist/workers/agent.js")); // It is in the program.
    expect(say()).toBe(`2 ${place}\n`);
    write("src/index.ts", "export const one: number = 10;\n");
    await build();
    expect(say()).toBe(`11 ${place}\n`);
    expect(programs()).toHaveLength(2);
    expect(programs()).toContain(first);
    write("src/index.ts", "export const one: number = 20;\n");
    await build();
    expect(programs()).toHaveLength(2);
    expect(programs()).not.toContain(first);
  });

  it("is done once when two ask for it at the same time", async () => {
    const [one, two] = await Promise.all([build(), build()]);
    expect([one.code, two.code]).toEqual([0, 0]);
    const built = [one, two].filter(({ text }) => text.includes("Built in"));
    expect(built).toHaveLength(1);
  });

  it("is done again, whole, after one that was killed half-way", async () => {
    await build();
    write("src/index.ts", "export const one: number = 3;\n");
    const child = startBuild();
    await eventually("the build has begun", () => read(".stamp") === "building");
    child.kill("SIGKILL");
    await once(child, "close");
    rmSync(join(root, "dist/workers/agent.js"));
    expect(await build()).toMatchObject({ code: 0, text: expect.stringContaining("Built in") as string });
    expect(read("src/index.js")).toContain("= 3");
    expect(read("workers/agent.js")).toContain("one + 1");
  });
});

describe("the command that npm links", () => {
  const command = (): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
    spawnSync(process.execPath, [join(root, "src/launch/cairn.mjs")], { encoding: "utf8" });

  it("is there before the first build, and says what to do; after it, it is the command line", () => {
    const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly bin: unknown };
    expect(bin).toEqual({ cairn: "src/launch/cairn.mjs" });
    expect(command()).toMatchObject({ status: 1, stderr: expect.stringContaining("npm start") as string });
    mkdirSync(join(root, "dist/src/cli"), { recursive: true });
    writeFileSync(join(root, "dist/src/cli/main.js"), 'console.log("built");');
    expect(command()).toMatchObject({ status: 0, stdout: "built\n" });
  });
});
