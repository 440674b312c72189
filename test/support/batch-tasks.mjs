/** Batch tasks for tests of the keeper: each does one thing that tasks may do, or should not. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defineBatch, done, InputRefused, more, NotRetryable, RetryAfter, z } from "../../dist/src/index.js";

const checkpoint = { version: 1 };
/** @param {unknown} state @param {string} folder */
const save = (state, folder) => writeFileSync(join(folder, "state.json"), JSON.stringify(state));
/** @param {string} folder */
const load = (folder) => JSON.parse(readFileSync(join(folder, "state.json"), "utf8"));

/** Holds the event loop in one long step, having started a process of its own. */
export const busy = defineBatch({
  name: "busy",
  input: z.strictObject({ ms: z.number() }),
  checkpoint,
  init: ({ ms }) => ({ ms }),
  step: ({ ms }) => {
    spawn("sleep", ["600"], { stdio: "inherit" });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return more;
  },
  save,
  load,
});

/** Ends as it is asked to. */
export const wild = defineBatch({
  name: "wild",
  input: z.strictObject({ how: z.string() }),
  output: z.strictObject({ fine: z.boolean() }),
  checkpoint,
  init: ({ how }) => {
    if (how === "init") throw new Error("no initial state");
    return { how, steps: 0 };
  },
  step: async (state) => {
    state.steps += 1;
    await pause(5);
    if (state.how === "save") return more;
    if (state.steps < 10) return more;
    switch (state.how) {
      case "throw":
        throw new Error("it broke");
      case "loud":
        process.stdout.write(`${"-".repeat(8_000_000)}\nits last words\n`);
        throw new Error("too loud");
      case "refuse":
        throw new InputRefused("not this one");
      case "hopeless":
        throw new NotRetryable("never");
      case "later":
        throw new RetryAfter(4_000, "busy now");
      case "reject":
        void Promise.reject(new Error("nobody waited"));
        await pause(60_000);
        return more;
      case "exit":
        return process.exit(3);
      case "abort":
        return process.abort();
      case "undefined":
        return /** @type {never} */ (undefined);
      case "misfit":
        return done(/** @type {never} */ ({ fine: "yes" }));
      case "large":
        return done(/** @type {never} */ ("x".repeat(2_000_000)));
      default:
        return done({ fine: true });
    }
  },
  save: (state, folder) => {
    if (state.how === "save") throw new Error("nowhere to write");
    save(state, folder);
  },
  load,
});

/** Draws a number with every step; the output shows any number that was drawn twice or left out. */
export const draws = defineBatch({
  name: "draws",
  input: z.strictObject({ steps: z.int() }),
  checkpoint,
  init: ({ steps }) => ({ steps, step: 0, digest: "" }),
  step: async (state, ctx) => {
    await pause(3);
    state.step += 1;
    state.digest = createHash("sha256").update(`${state.digest}${ctx.random()}`).digest("hex");
    ctx.progress(state.step, state.steps, "steps");
    return state.step < state.steps ? more : done(state.digest);
  },
  save,
  load,
});

/** As `draws`, for whoever reads its state after the end. */
export const kept = defineBatch({
  name: "kept",
  input: z.strictObject({ steps: z.int(), lastStepMs: z.int().default(0) }),
  checkpoint: { version: 1, finalState: "kept" },
  init: ({ steps, lastStepMs }) => ({ steps, lastStepMs, step: 0 }),
  step: (state, ctx) => {
    if (state.step === state.steps) {
      // Hears nothing meanwhile.
      if (state.lastStepMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, state.lastStepMs);
      return done(state.step);
    }
    state.step += 1;
    ctx.progress(state.step, state.steps, "steps");
    return more;
  },
  save,
  load,
});

/** Prints, hands out files, looks at its own last checkpoint. */
export const talkative = defineBatch({
  name: "talkative",
  input: z.strictObject({ steps: z.int(), lines: z.int().default(0) }),
  checkpoint,
  init: ({ steps, lines }) => ({ steps, lines, step: 0 }),
  step: async (state, ctx) => {
    await pause(5);
    state.step += 1;
    console.log(`step ${state.step} to stdout`);
    console.error(`step ${state.step} to stderr`);
    for (let line = 0; line < state.lines; line += 1) console.log(`line ${line} ${"-".repeat(90)}`);
    ctx.log.info("a step", { step: state.step });
    ctx.artifact("steps.txt", `${state.step}`);
    if (state.step < state.steps) return more;
    ctx.artifact("last.bin", new Uint8Array([1, 2, 3]));
    const view = await ctx.latestCheckpoint(ctx.job);
    const other = await ctx.latestCheckpoint("01hnothere0000000000000000");
    const text = view === null ? null : Buffer.from(await view.read("state.json")).toString();
    return done({ seq: view?.seq ?? null, files: view?.files ?? null, text, other });
  },
  save,
  load,
});

/** Tells which variables its process has. */
export const surroundings = defineBatch({
  name: "surroundings",
  input: z.strictObject({}),
  checkpoint,
  init: () => ({}),
  step: (state, ctx) => {
    ctx.artifact("one.txt", "1");
    return done(Object.keys(process.env));
  },
  save,
  load,
});

/** Finds no room on the disk. */
export const cramped = defineBatch({
  name: "cramped",
  input: z.strictObject({}),
  checkpoint,
  init: () => ({}),
  step: () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  },
  save,
  load,
});
