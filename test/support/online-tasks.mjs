/** Online tasks for tests: what they did is written into a file, so that executions can be counted. */
import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { defineOnline, InputRefused, NotRetryable, Overloaded, RetryAfter, z } from "../../dist/src/index.js";

const file = z.string();

/** @param {string} path @param {string} word @param {{job: string, attempt: number}} ctx */
function note(path, word, ctx) {
  appendFileSync(path, `${word} ${ctx.job} ${ctx.attempt} ${process.pid} ${Date.now()}\n`);
}

/** Notes that it began, takes its time, notes that it ended. */
export const slow = defineOnline({
  name: "slow",
  input: z.strictObject({ ms: z.number(), file }),
  idempotent: true,
  run: async (input, ctx) => {
    note(input.file, "began", ctx);
    await pause(input.ms);
    note(input.file, "ended", ctx);
    return { pid: process.pid, attempt: ctx.attempt };
  },
});

/** Takes so many times longer, or fails, in the replica that the file names: `<pid> <factor or "fails">`. */
export const uneven = defineOnline({
  name: "uneven",
  input: z.strictObject({ ms: z.number(), file }),
  idempotent: true,
  run: async (input) => {
    const [pid, how] = readFileSync(input.file, "utf8").split(" ");
    const concerned = Number(pid) === process.pid;
    if (concerned && how === "fails") throw new Error("as asked");
    await pause(concerned ? input.ms * Number(how) : input.ms);
    return { pid: process.pid };
  },
});

/** The same, but it must not run twice. */
export const careful = defineOnline({
  name: "careful",
  input: z.strictObject({ ms: z.number(), file, fail: z.boolean().default(false) }),
  run: async (input, ctx) => {
    note(input.file, "began", ctx);
    await pause(input.ms);
    note(input.file, "ended", ctx);
    if (input.fail) throw new Error("as asked");
    return { pid: process.pid, attempt: ctx.attempt };
  },
});

/** Fails in the replicas whose process ids are given; `how` says in which way. */
export const failing = defineOnline({
  name: "failing",
  input: z.strictObject({
    file,
    how: z.enum(["error", "not_retryable", "retry_after", "refused", "output"]).default("error"),
    times: z.number().default(1_000),
  }),
  output: z.strictObject({ pid: z.number() }),
  idempotent: true,
  run: (input, ctx) => {
    note(input.file, "began", ctx);
    if (ctx.attempt > input.times) return { pid: process.pid };
    switch (input.how) {
      case "error":
        throw new Error("as asked");
      case "not_retryable":
        throw new NotRetryable("never");
      case "retry_after":
        throw new RetryAfter(200);
      case "refused":
        throw new InputRefused("not like this");
      case "output":
        return /** @type {never} */ ({ pid: "a word" });
    }
  },
});

/** Ends its own process, at once or after a while. */
export const deadly = defineOnline({
  name: "deadly",
  input: z.strictObject({ file, afterMs: z.number().default(0) }),
  idempotent: true,
  run: async (input, ctx) => {
    note(input.file, "began", ctx);
    if (input.afterMs > 0) await pause(input.afterMs);
    process.kill(process.pid, "SIGKILL");
    return null;
  },
});

/** Gives the event loop no turn, and leaves the processor to what the others have to do meanwhile. */
export const blocking = defineOnline({
  name: "blocking",
  input: z.strictObject({ ms: z.number(), file, onlyAttempt: z.number().default(0) }),
  idempotent: true,
  run: (input, ctx) => {
    note(input.file, "began", ctx);
    if (input.onlyAttempt !== 0 && ctx.attempt !== input.onlyAttempt) return { attempt: ctx.attempt };
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, input.ms);
    return { attempt: ctx.attempt };
  },
});

/** Waits until it is told to stop, and notes why. */
export const patient = defineOnline({
  name: "patient",
  input: z.strictObject({ file }),
  idempotent: true,
  run: async (input, ctx) => {
    note(input.file, "began", ctx);
    const remaining = ctx.remainingMs();
    await new Promise((resolve) => ctx.signal.addEventListener("abort", () => resolve(undefined), { once: true }));
    note(input.file, /** @type {Error} */ (ctx.signal.reason).name, ctx);
    await pause(1_000); // Longer than a busy machine may be late with the caller's own deadline.
    return { remaining };
  },
});

/** Pushes back on the given attempts; must not run twice. */
export const crowded = defineOnline({
  name: "crowded",
  input: z.strictObject({ file, times: z.number(), afterMs: z.number().default(0) }),
  run: (input, ctx) => {
    note(input.file, "began", ctx);
    if (ctx.attempt <= input.times) throw new Overloaded("no room", { retryAfterMs: input.afterMs });
    return { pid: process.pid };
  },
});

/** One at a time in each replica. */
export const narrow = defineOnline({
  name: "narrow",
  input: z.strictObject({ ms: z.number(), file }),
  idempotent: true,
  concurrency: 1,
  run: async (input, ctx) => {
    note(input.file, "began", ctx);
    await pause(input.ms);
    return { pid: process.pid };
  },
});

/** A schema that a newer version has changed. */
export const versioned = defineOnline({
  name: "versioned",
  input: z.strictObject({ old: z.string().optional() }),
  idempotent: true,
  run: () => ({ version: 1, pid: process.pid }),
});
