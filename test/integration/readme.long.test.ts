/**
 * What the README shows to run is run, as a reader would: its own text, against what `cairn dev` brings up.
 *
 * What waits most, the job whose worker is killed, runs beside others: none of them may mind. Not beside it stands what
 * has to run within a time (a sweep takes all slots for a while), or on a worker that must not be the one that dies.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { batchNice } from "../support/batch-nice.ts";
import { CAIRN, startCairn, type Running } from "../support/cairn-command.ts";
import { eventually } from "../support/eventually.ts";
import { findTool } from "../support/find-tool.ts";
import { countDigest } from "../support/fleet.ts";
import { readmeBlocks } from "../support/readme.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const blocks = new Map(
  readmeBlocks(readFileSync(join(ROOT, "README.md"), "utf8")).map(({ name, content }) => [name, content]),
);

let folder: string;
let env: Record<string, string>;
let dev: Running;
let joined: Running | null = null;
let url: string;

const block = (name: string): string => (blocks.get(name) ?? "").replaceAll("http://127.0.0.1:8080", url);

/** Runs a block by a shell that stops at the first failure, in the reader's folder. */
async function run(name: string): Promise<{ readonly out: string; readonly err: string }> {
  // What `npx cairn` does in the folder of the clone, without npm's own half second.
  const npx = `npx() { shift; ${JSON.stringify(process.execPath)} ${JSON.stringify(CAIRN)} "$@"; }`;
  const child = spawn("bash", ["-c", `set -eu\n${npx}\n${block(name)}`], {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...batchNice(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const parts = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (parts.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (parts.err += text));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${name} ended with ${code ?? "a signal"}:\n${parts.out}\n${parts.err}`);
  return parts;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cairn-readme-"));
  env = { CAIRN_DATA: join(folder, ".cairn"), CAIRN_LOG_LEVEL: "fatal" };
  dev = startCairn(["dev", "--port", "0"], { env, cwd: folder });
  url = await eventually("everything is up", () => /API +(http\S+)/.exec(dev.out())?.[1], { withinMs: 60_000 });
  // What `npm install <folder of this clone>` leaves in a project.
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/cairn-scheduler"));
  for (const name of ["tasks.ts", "client.mjs", "programs.yaml", "chain.py"])
    writeFileSync(join(folder, name), block(name));
});
afterAll(async () => {
  for (const running of [joined, dev]) {
    running?.child.kill("SIGTERM");
    await running?.ended;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe("the README's commands", { timeout: 300_000 }, () => {
  it("first job in a minute", async () => {
    const { out } = await run("first-job");
    expect(out).toContain('{"hello":"world"}\n');
    expect(out).toContain(`{"steps":30,"digest":"${countDigest(30)}"}\n`);
    expect(out).toMatch(/Job \w{26} \(task count\), succeeded/);
    // The digest's beginning is printed in the README.
    expect(blocks.get("first-job")).toContain(`"digest":"${countDigest(30).slice(0, 8)}…"`);
  });

  describe("while a worker is killed", () => {
    it.concurrent("break it: the job goes on elsewhere, and ends with the digest of an undisturbed run", async () => {
      const { out } = await run("break-it");
      expect(out).toContain(`{"steps":120,"digest":"${countDigest(120)}"}\n`);
      expect(out).toMatch(/\blost +worker_lost\b/);
    });

    it.concurrent("a job that waits for two others", async () => {
      expect((await run("graph")).out).toContain(countDigest(1));
    });

    it.concurrent("a sweep, and a job that waits for all of it", async () => {
      const { out } = await run("sweep");
      expect(out).toMatch(/elements +20: /);
      expect(out.match(/ succeeded /g)).toHaveLength(20);
    });

    it.concurrent("a schedule, made, listed and deleted", async () => {
      expect((await run("schedule")).out).toMatch(/^nightly +30 2 \* \* \* +Europe\/Berlin +count +\d{4}-/m);
    });

    it.concurrent("from TypeScript: the client's example runs to its end", async () => {
      const child = spawn(process.execPath, [join(folder, "client.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
      let out = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
      const [code] = (await once(child, "close")) as [number | null];
      expect(code).toBe(0);
      expect(out).toContain("{ hello: 'world' }");
      expect(out).toContain(countDigest(20));
      expect(out).toMatch(/^invalid_input \[/m);
    });

    it.concurrent("a weather simulation, a forecast from it, and its maps", async () => {
      const { out } = await run("weather");
      expect(out).toMatch(/"height":\d{4}\.\d/);
      expect(out).toMatch(/\.png\b/);
    });
  });

  describe("with a worker that joins", () => {
    beforeAll(async () => {
      // A worker refuses what cannot run on its machine.
      const programs = findTool("python3") === null ? [] : ["--programs", "./programs.yaml"];
      joined = startCairn(["worker", "--tasks", "./tasks.ts", ...programs, "--id", "mine"], {
        env,
        cwd: folder,
        channel: true,
      });
      await once(joined.child, "message");
    });

    it.concurrent("a simulation of one's own, on a worker that joins", async () => {
      const { out } = await run("own-task");
      expect(out).toMatch(/^rod +batch +1 +Heat spreads along a rod$/m);
      expect(out).toContain('{"greeting":"Hello, Ada!"}\n');
      expect(out).toMatch(/\{"middle":0(\.\d+)?(e-\d+)?\}\n/);
    });

    it.skipIf(findTool("python3") === null)(
      "any program: the one in Python, with the digest that it must come to",
      { concurrent: true },
      async () => {
        const { out } = await run("program");
        expect(out).toContain('{"exitCode":0,"artifacts":["result.txt"]}\n');
      },
    );

    it.concurrent("steer it", async () => {
      const { out } = await run("steer");
      expect(out).toMatch(/\bstopped +stopped_by_request\b/);
      expect(out).toMatch(/\bcancelled +cancelled_by_request\b/);
    });

    it.concurrent("the same with curl", async () => {
      const { out } = await run("curl");
      expect(out).toContain('{"hello":"world"}');
      expect(out).toContain(countDigest(10));
      expect(out).toContain('"nextCursor"');
    });
  });

  it("the example of a task is strict TypeScript", () => {
    const file = join(folder, "tasks.ts");
    const program = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2023,
      lib: ["lib.es2023.d.ts"],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ["node"],
      typeRoots: [join(ROOT, "node_modules/@types")],
    });
    const found = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    expect(found).toEqual([]);
  });
});
