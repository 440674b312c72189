/**
 * Online tasks for chaos runs: of known duration, and every execution is written down, so that those that were too
 * many can be counted. One file for each process, written at once: a process that is killed has written what it began.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defineOnline, z } from "../../dist/src/index.js";

/** @type {Map<string, number>} */
const files = new Map();

/**
 * @param {string} folder
 * @param {string} line
 */
function note(folder, line) {
  let file = files.get(folder);
  if (file === undefined) {
    file = openSync(join(folder, `${process.pid}.log`), "a");
    files.set(folder, file);
  }
  writeSync(file, `${line}\n`);
}

/**
 * By how much this process is to be slower (`Stage.slowDown`).
 * @param {string} folder
 */
function factor(folder) {
  try {
    return Number(readFileSync(join(folder, "..", `slow-${process.pid}`), "utf8"));
  } catch {
    return 1;
  }
}

const input = z.strictObject({
  n: z.number(),
  /** How long it takes, ms. */
  ms: z.number(),
  /** Where executions are written down. */
  journal: z.string(),
  /** Fails always. */
  fail: z.boolean().default(false),
});

/**
 * @param {z.output<typeof input>} given
 * @param {import("../../src/tasks/context.ts").OnlineContext} ctx
 */
async function run(given, ctx) {
  note(given.journal, `began ${ctx.job} ${ctx.attempt} ${Math.round(ctx.remainingMs())} ${Date.now()}`);
  try {
    await pause(given.ms * factor(given.journal), undefined, { signal: ctx.signal });
  } catch (error) {
    note(given.journal, `stopped ${ctx.job} ${ctx.attempt}`);
    throw error;
  }
  if (given.fail) throw new Error("as asked");
  note(given.journal, `ended ${ctx.job} ${ctx.attempt}`);
  return { n: given.n };
}

/** Gives the event loop of its process no turn for so long. */
export const seize = defineOnline({
  name: "seize",
  input: z.strictObject({ ms: z.number() }),
  run: ({ ms }) => {
    const until = performance.now() + ms;
    while (performance.now() < until);
    return null;
  },
});

/** May run twice. */
export const work = defineOnline({ name: "work", input, idempotent: true, run });

/** Must not. */
export const workOnce = defineOnline({ name: "work-once", input, run });
