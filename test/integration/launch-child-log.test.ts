import { mkdtempSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openChildLog } from "../../src/launch/child-log.ts";
import type { ChildLog } from "../../src/launch/child-log.ts";
import { pauseBefore } from "../../src/launch/supervised-child.ts";
import { eventually } from "../support/eventually.ts";

let folder = "";
let shown: string[] = [];
let log: ChildLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cairn-log-"));
  shown = [];
  log = openChildLog({ path: join(folder, "logs/worker-1.log"), name: "w1-abc", show: (line) => shown.push(line) });
});
afterEach(() => {
  log.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(...entries: (object | string)[]): void {
  for (const entry of entries) writeSync(log.fd, `${typeof entry === "string" ? entry : JSON.stringify(entry)}\n`);
}

describe("the log of a child", () => {
  it("shows warnings with their fields and the reason, and keeps quiet about the rest", async () => {
    const time = "2026-01-02T03:04:05.678Z";
    write({ level: 30, msg: "all is well" }, { level: 40, time, pid: 1, msg: "slow", job: "j1" });
    write({ level: 50, time, msg: "no step", err: { message: "disk full", stack: "…" } });
    await eventually("two lines", () => shown.length === 2);
    expect(shown[0]).toMatch(/03:04:05 w1-abc.* .*WARN.* slow .*job=j1/);
    expect(shown[1]).toMatch(/ERROR.* no step: disk full/);
    expect(readFileSync(log.path, "utf8")).toContain("all is well");
  });

  it("shows what is no log line, such as the stack of a crash", async () => {
    write("TypeError: x is not a function", "    at main.js:1:1", "42");
    await eventually("three lines", () => shown.length === 3);
    expect(shown[0]).toContain("TypeError: x is not a function");
  });

  it("does not let a child that shouts drown the others", async () => {
    write(...Array.from({ length: 500 }, (_, n) => ({ level: 40, msg: `warning ${n}` })));
    await eventually("the count of those left out", () => shown.some((line) => line.includes("more lines in")));
    expect(shown.length).toBeLessThan(50);
  });

  it("is put aside when it has grown large, while the child goes on writing", async () => {
    const line = { level: 30, msg: "x".repeat(1_000) };
    for (let n = 0; n < 11; n++) write(...Array.from({ length: 1_000 }, () => line));
    await eventually("an empty log", () => statSync(log.path).size === 0);
    expect(statSync(`${log.path}.old`).size).toBeGreaterThan(10_000_000);
    write({ level: 40, msg: "still here" });
    await eventually("the next line", () => shown.some((text) => text.includes("still here")));
    expect(statSync(log.path).size).toBeLessThan(100);
  });
});

describe("the pause before a replacement", () => {
  it("is short at first, doubles, and has a limit", () => {
    expect([0, 1, 2, 3, 4].map(pauseBefore)).toEqual([200, 200, 400, 800, 1_600]);
    expect(pauseBefore(50)).toBe(15_000);
  });
});
