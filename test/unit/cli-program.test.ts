import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { findApi } from "../../src/cli/api-address.ts";
import { kebab, optionUsage } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { EXIT, exitCodeOf, exitCodeOfJobs } from "../../src/cli/exit-code.ts";
import { createParser, runProgram } from "../../src/cli/program.ts";
import {
  API_SETTINGS,
  NOT_OPTIONS,
  settingsOf,
  STORE_SETTINGS,
  WORKER_SETTINGS,
} from "../../src/cli/settings-options.ts";
import { tellError } from "../../src/cli/tell-error.ts";
import { UsageError } from "../../src/cli/usage-error.ts";
import { readJobId } from "../../src/cli/values.ts";
import { CairnClient } from "../../src/client/client.ts";
import { CairnProblem, CairnTimeout, CairnUnreachable } from "../../src/client/fault.ts";
import { problem } from "../../src/contract/problem.ts";
import { ERROR_CODES, type ErrorCode } from "../../src/domain/error-code.ts";
import { describeSettings } from "../../src/runtime/config.ts";
import { keepSession } from "../support/session.ts";

/** What only a program that speaks HTTP by itself can get. */
const NEVER_TO_A_CLIENT: ReadonlySet<ErrorCode> = new Set([
  ...([
    "malformed_http",
    "forbidden_origin",
    "method_not_allowed",
    "not_acceptable",
    "unsupported_media_type",
  ] as const),
  ...([
    "expectation_failed",
    "headers_too_large",
    "unknown_host",
    "request_timeout",
    "idempotency_in_progress",
  ] as const),
]);

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "cairn-cli-"));
  folders.push(folder);
  return folder;
}

/** A line of an example as a shell would hand it over, from the word `cairn` on to the next operator. */
function words(line: string): string[] {
  const all = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const from = all.slice(all.indexOf("cairn") + 1);
  const end = from.findIndex((word) => ["&&", "|", ">"].includes(word));
  return end < 0 ? from : from.slice(0, end);
}

describe("the table of commands", () => {
  it("has every name once, with a summary and an example that its own parser takes", async () => {
    expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
    for (const { name, examples } of COMMANDS) {
      for (const { line } of examples) {
        const ran: string[] = [];
        const parser = createParser("0", (command) => Promise.resolve(void ran.push(command.name)));
        await parser.parseAsync(words(line), { from: "user" });
        expect([line, ...ran]).toEqual([line, name]);
      }
    }
  });

  it("explains every argument and option, without a full stop and without a capital", () => {
    for (const { args, options, summary } of COMMANDS) {
      const texts = [
        summary,
        ...args.map(({ meaning }) => meaning),
        ...Object.values(options).map(({ meaning }) => meaning),
      ];
      for (const text of texts) expect(text).toMatch(/^(?![A-Z][a-z]).+[^.]$/);
    }
  });

  it("has no option twice in a command, neither by its long nor by its short name", () => {
    for (const { name, options } of COMMANDS) {
      const names = Object.entries(options).flatMap(
        ([key, option]) => optionUsage(key, option).match(/--?[\w-]+/g) ?? [],
      );
      expect([name, new Set(names).size]).toEqual([name, names.length]);
    }
  });

  it("makes every setting an option, or says that it is none", () => {
    const options = new Set<string>([...API_SETTINGS, ...WORKER_SETTINGS, ...STORE_SETTINGS, ...NOT_OPTIONS]);
    expect(
      describeSettings()
        .map(({ name }) => name)
        .filter((name) => !options.has(name)),
    ).toEqual([]);
  });

  it("hands lists to the settings joined, and leaves out what was not given", () => {
    expect(settingsOf({ tasks: ["a.ts", "b.ts"], labels: [], port: "0", workers: 3, zone: undefined })).toEqual({
      tasks: "a.ts,b.ts",
      port: "0",
    });
    expect(kebab("onlineRedisUrl")).toBe("online-redis-url");
  });
});

describe("the command line", () => {
  it("that is wrong ends with 2 and the way to the help, on standard error alone", async () => {
    const wrong = [
      [],
      ["nonsense"],
      ["submit"],
      ["ls", "--limit", "x"],
      ["ls", "--what"],
      ["get", "a", "b", "c"],
      ["get", "01hzyv"],
      ["explain", ""],
      ["submit", "count", "{steps:", "3}"],
      ["submit", "count", "{steps:3}"],
      ["submit", "count"],
    ];
    for (const args of wrong) {
      const kept = keepSession();
      expect([args, await runProgram(kept.session, args, "1.2.3")]).toEqual([args, EXIT.usage]);
      expect(kept.out()).toBe("");
      expect(kept.words()).toContain("--help");
    }
  });

  it("says of ids that they cannot be shortened, and of JSON that it wants quotes", async () => {
    const said = async (...args: string[]): Promise<string> => {
      const kept = keepSession();
      expect(await runProgram(kept.session, args, "0")).toBe(EXIT.usage);
      return kept.words();
    };
    expect(await said("get", "01hzyv7k")).toContain("they cannot be shortened");
    expect(await said("explain", "")).toContain("The id of the job is empty");
    expect(await said("submit", "count", "{}", "--depends-on", "abc")).toContain('"abc" is not the id of a job');
    expect(await said("submit", "count", "{steps:", "3}")).toContain("put it into single quotes");
    expect(await said("submit", "count", "{steps:3}")).toContain("put it into single quotes");
    expect(readJobId(" 01HZYV7K3M8Q4R5T6W7X8Y9Z0A")).toBe("01hzyv7k3m8q4r5t6w7x8y9z0a");
  });

  it("says that an id is that of an array, and what takes arrays", async () => {
    const array = "01hzyv7k3m8q4r5t6w7x8y9z0b";
    const fetch: typeof globalThis.fetch = (url) => {
      const found = (url as string).endsWith(`/v1/arrays/${array}`);
      return Promise.resolve(
        new Response(JSON.stringify(found ? { id: array } : problem("unknown_job", `there is no job`)), {
          status: found ? 200 : 404,
          headers: { "content-type": found ? "application/json" : "application/problem+json" },
        }),
      );
    };
    const kept = keepSession({ client: () => new CairnClient({ url: "http://127.0.0.1:9", fetch }) });
    expect(await runProgram(kept.session, ["get", array.toUpperCase()], "0")).toBe(EXIT.notFound);
    expect(kept.words()).toContain(`${array} is an array, not a job`);
    expect(kept.words()).toContain(`cairn cancel --array ${array}`);
  });

  it("hints at commands, and never at routes, headers or fields of a document", () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      if (NEVER_TO_A_CLIENT.has(code)) continue;
      const kept = keepSession();
      tellError(kept.session, new CairnProblem(problem(code, "x", { job: "01hzyv7k3m8q4r5t6w7x8y9z0a" })), {
        prefix: "cairn",
        form: "table",
      });
      expect([code, kept.words()]).toEqual([
        code,
        expect.not.stringMatching(/(GET|POST|PUT) \/|-Timeout-Ms|`(detail|errors|attempts|dependency)`|Retry-After/),
      ]);
      expect(kept.words()).toContain("job: 01hzyv7k3m8q4r5t6w7x8y9z0a");
    }
  });

  it("help and version are data: standard output, 0", async () => {
    for (const args of [["--help"], ["help"], ["help", "submit"], ["submit", "-h"]]) {
      const kept = keepSession();
      expect([args, await runProgram(kept.session, args, "1.2.3")]).toEqual([args, EXIT.ok]);
      expect(kept.out()).toContain("Usage: cairn");
      expect(kept.words()).toBe("");
    }
    const kept = keepSession();
    expect(await runProgram(kept.session, ["--version"], "1.2.3")).toBe(0);
    expect(kept.out()).toBe("1.2.3\n");
  });

  it("help fits into 80 columns, but for what is to be pasted, and ends with examples", async () => {
    for (const { name, examples } of COMMANDS) {
      const kept = keepSession();
      await runProgram(kept.session, [name, "--help"], "0");
      const pasted = new Set(examples.map(({ line }) => `  ${line}`));
      const long = kept
        .out()
        .split("\n")
        .filter(
          (line) => line.length > 80 && !pasted.has(line) && !line.startsWith("      ") && !line.startsWith("Behind"),
        );
      expect([name, ...long]).toEqual([name]);
      expect(kept.out()).toContain("Examples:");
    }
  });

  it("names the settings of a process it starts, over those of the environment", async () => {
    const started: { program: string; environment: NodeJS.ProcessEnv }[] = [];
    const become = (program: string, environment: NodeJS.ProcessEnv): Promise<number> => {
      started.push({ program, environment });
      return Promise.resolve(7);
    };
    const { session } = keepSession({ become });
    const args = ["worker", "--tasks", "a.ts", "--tasks=b.ts", "--id", "w7", "--labels", "k=v", "--batch-slots", "4"];
    expect(await runProgram(session, args, "0")).toBe(7);
    expect(await runProgram(session, ["worker", "--worker-id", "w8"], "0")).toBe(7);
    expect(started[0]).toMatchObject({
      program: "worker",
      environment: { CAIRN_TASKS: "a.ts,b.ts", CAIRN_WORKER_ID: "w7", CAIRN_LABELS: "k=v", CAIRN_BATCH_SLOTS: "4" },
    });
    expect(started[1]?.environment["CAIRN_WORKER_ID"]).toBe("w8");
    expect(started[1]?.environment["CAIRN_TASKS"]).toBeUndefined();
  });
});

describe("the address of the API", () => {
  it("is what was given, else what a running API noted, else the default", () => {
    const data = makeFolder();
    expect(findApi({ api: "https://cairn.example.org/", data, port: 8080 }).url).toBe("https://cairn.example.org");
    expect(findApi({ data, port: 9_000 })).toMatchObject({ url: "http://127.0.0.1:9000", known: false });
    mkdirSync(join(data, "run"));
    writeFileSync(join(data, "run/api.json"), '{"url":"http://127.0.0.1:4711","pid":1}');
    expect(findApi({ data, port: 9_000 })).toMatchObject({ url: "http://127.0.0.1:4711", known: true });
    writeFileSync(join(data, "run/api.json"), '{"url":');
    expect(findApi({ data, port: 9_000 }).known).toBe(false);
    expect(() => findApi({ api: "localhost:8080", data, port: 1 })).toThrow(UsageError);
  });

  it("that nobody answers at ends with 6, and with what to do", async () => {
    const kept = keepSession();
    const args = ["tasks", "x", "--api", "http://127.0.0.1:9", "-o", "json"];
    expect(await runProgram(kept.session, args, "0")).toBe(EXIT.away);
    expect(kept.words()).toMatch(/127\.0\.0\.1:9 does not answer[^]*given by --api[^]*npm start/);
    expect(kept.out()).toBe("");
  });
});

describe("exit codes", () => {
  it("tell what kind of error it was", () => {
    const of = (code: ErrorCode): number => exitCodeOf(new CairnProblem(problem(code, "x")));
    expect(of("unknown_job")).toBe(EXIT.notFound);
    expect(of("illegal_transition")).toBe(EXIT.conflict);
    expect(of("idempotency_key_reused")).toBe(EXIT.conflict);
    expect(of("deadline_exceeded")).toBe(EXIT.timeout);
    expect(of("redis_unavailable")).toBe(EXIT.away);
    expect(of("outcome_unknown")).toBe(EXIT.away);
    expect(of("task_failed")).toBe(EXIT.failed);
    expect(of("invalid_input")).toBe(EXIT.error);
    expect(exitCodeOf(new UsageError("x"))).toBe(EXIT.usage);
    expect(exitCodeOf(new CairnTimeout(1, "x"))).toBe(EXIT.timeout);
    expect(exitCodeOf(new CairnUnreachable("u", "x"))).toBe(EXIT.away);
    expect(exitCodeOf(new TypeError("x"))).toBe(EXIT.error);
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) expect(of(code)).not.toBe(EXIT.ok);
  });

  it("tell the outcome of jobs, the worst of several", () => {
    const of = (...states: ("succeeded" | "failed" | "cancelled" | "expired")[]): number =>
      exitCodeOfJobs(states.map((state) => ({ state })));
    expect([of("succeeded"), of("cancelled"), of("expired"), of("failed")]).toEqual([0, 11, 12, 10]);
    expect(of("succeeded", "cancelled", "expired")).toBe(12);
    expect(of("cancelled", "failed", "expired")).toBe(10);
  });
});
