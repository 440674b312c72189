/**
 * The frame of benches and chaos runs: scenarios that measure, compare with what is expected, and say whether it holds.
 *
 *   --only NAME   one of them (repeatable, a part of the name is enough)
 *   --list        their names
 *   --short       short forms, for CI: expectations about time are told, but only those about counts decide
 *   --repeat N    how often a fault is repeated, in scenarios that repeat it
 *   --json        the results as JSON on stdout; words go to stderr
 *   --markdown    the expectations and what was measured as a table for the README, on stdout
 *
 * Exit code 0 when every expectation that decides holds.
 */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { requireRedis } from "../../src/launch/find-redis.mjs";
import { machineTime, stolenShare } from "./process-cpu.ts";

export interface Expectation {
  readonly what: string;
  readonly is: number;
  readonly unit: string;
  readonly bound: "at most" | "at least";
  readonly limit: number;
  /** What a busy machine may miss: time. What it may not: counts. */
  readonly about: "time" | "count";
}

export interface Finding {
  /** Numbers worth telling, by name. */
  readonly measured: Readonly<Record<string, number | string>>;
  readonly expectations: readonly Expectation[];
}

export interface RunOptions {
  readonly short: boolean;
  /** How often what repeats is to be repeated; null: as the scenario says. */
  readonly repeat: number | null;
  /** Says what is going on. */
  readonly say: (line: string) => void;
}

export interface Scenario {
  readonly name: string;
  /** What is done, in a sentence. */
  readonly title: string;
  readonly run: (options: RunOptions) => Promise<Finding>;
}

export const atMost = (what: string, is: number, limit: number, unit = "ms"): Expectation => ({
  ...{ what, is, limit, unit, bound: "at most", about: "time" },
});
export const atLeast = (what: string, is: number, limit: number, unit = "ms"): Expectation => ({
  ...{ what, is, limit, unit, bound: "at least", about: "time" },
});
/** A count that holds on a busy machine too. */
export const countAtMost = (what: string, is: number, limit: number, unit = ""): Expectation => ({
  ...{ what, is, limit, unit, bound: "at most", about: "count" },
});
export const countAtLeast = (what: string, is: number, limit: number, unit = ""): Expectation => ({
  ...{ what, is, limit, unit, bound: "at least", about: "count" },
});

/** Does it hold? What could not be measured does not. */
export function holds({ is, limit, bound }: Expectation): boolean {
  return bound === "at most" ? is <= limit : is >= limit;
}

interface Outcome extends Finding {
  readonly scenario: string;
  readonly title: string;
  readonly seconds: number;
  /** Share of the time that the host gave to others: above some percent times mean little. */
  readonly stolen: number;
  readonly fault: string | null;
}

/** Runs what the command line asks for and ends the process. */
export async function runScenarios(scenarios: readonly Scenario[]): Promise<never> {
  const { values: flags } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      list: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      markdown: { type: "boolean", default: false },
      repeat: { type: "string" },
    },
  });
  const { only, short, json } = flags;
  const repeat = flags.repeat === undefined ? null : Number(flags.repeat);
  const chosen = scenarios.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (flags.list || chosen.length === 0) {
    for (const { name, title } of scenarios) process.stdout.write(`${name.padEnd(24)} ${title}\n`);
    process.exit(flags.list ? 0 : 2);
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    say(`\n${scenario.name}: ${scenario.title}`);
    const outcome = await runOne(scenario, { short, repeat, say: (line) => say(`  ${line}`) });
    outcomes.push(outcome);
    tell(outcome, say);
  }
  const broken = outcomes.filter((outcome) => !decides(outcome, short));
  const missed = outcomes.flatMap(({ expectations }) => expectations.filter((one) => !holds(one)));
  say(`\n${outcomes.length - broken.length} of ${outcomes.length} hold; ${missed.length} expectations missed`);
  if (json) process.stdout.write(`${JSON.stringify({ machine: machine(), short, outcomes }, null, 2)}\n`);
  if (flags.markdown) process.stdout.write(markdown(outcomes));
  process.exit(broken.length === 0 ? 0 : 1);
}

async function runOne(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const begin = performance.now();
  const time = machineTime();
  const base = { scenario: scenario.name, title: scenario.title };
  const end = (): { readonly seconds: number; readonly stolen: number } => ({
    seconds: (performance.now() - begin) / 1_000,
    stolen: stolenShare(time),
  });
  try {
    const finding = await scenario.run(options);
    return { ...base, ...finding, ...end(), fault: null };
  } catch (error) {
    const fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...base, measured: {}, expectations: [], ...end(), fault };
  }
}

function decides({ fault, expectations }: Outcome, short: boolean): boolean {
  return fault === null && expectations.every((one) => holds(one) || (short && one.about === "time"));
}

function tell({ measured, expectations, seconds, stolen, fault }: Outcome, say: (line: string) => void): void {
  for (const [name, value] of Object.entries(measured)) say(`        ${name.padEnd(44)} ${show(value)}`);
  for (const one of expectations) {
    const bound = `${one.bound} ${show(one.limit)} ${one.unit}`.trim();
    say(
      `  ${holds(one) ? "ok  " : "MISS"}  ${one.what.padEnd(44)} ${`${show(one.is)} ${one.unit}`.padEnd(16)} ${bound}`,
    );
  }
  if (fault !== null) say(`  FAIL  ${fault}`);
  say(`        (${seconds.toFixed(1)} s, ${(stolen * 100).toFixed(1)}% of the machine's time stolen)`);
}

function show(value: number | string): string {
  if (typeof value === "string" || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** Shortfalls stand in it as they are. */
function markdown(outcomes: readonly Outcome[]): string {
  const { cpu, cores, node, redis, at } = machine();
  const rows = outcomes.flatMap(({ scenario, title, expectations, fault }) => [
    ...(fault === null ? [] : [`| \`${scenario}\`: ${title} | did not run to its end | | **no** |`]),
    ...expectations.map((one, at) => {
      const what = at === 0 ? `\`${scenario}\`: ${title}; ${one.what}` : one.what;
      const bound = `${one.bound} ${show(one.limit)} ${one.unit}`.trim();
      return `| ${what} | ${`${show(one.is)} ${one.unit}`.trim()} | ${bound} | ${holds(one) ? "yes" : "**no**"} |`;
    }),
  ]);
  const taken = `Taken at ${at} on ${cores} cores (${cpu}), Node ${node}, Redis ${redis}.`;
  return [taken, "", "| what | measured | target | holds |", "|---|---|---|---|", ...rows, ""].join("\n");
}

/** What the figures were taken on. */
function machine(): Readonly<Record<string, string | number>> {
  const [cpu] = cpus();
  return {
    at: new Date().toISOString(),
    cpu: cpu?.model ?? "?",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    redis: requireRedis().version,
  };
}
