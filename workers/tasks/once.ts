/**
 * `once`: an online task that must not run twice, for tests that count how often it did.
 *
 * Whoever may invoke tasks chooses the file, so it is kept to the folder for temporary files, symbolic links are not
 * followed, and what is written is ours.
 */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join, sep } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defineOnline, InputRefused, z } from "../../src/index.ts";

export const once = defineOnline({
  name: "once",
  description: "Not idempotent: appends a line to `file`, waits for `ms` milliseconds, answers. For tests.",
  input: z.strictObject({
    ms: z.number().min(0).max(60_000).default(0).describe("How long the answer takes, ms"),
    file: z.string().min(1).max(1_024).optional().describe("Absolute path in the folder for temporary files"),
  }),
  output: z.strictObject({ job: z.string(), attempt: z.int() }),
  run: async ({ ms, file }, ctx) => {
    if (file !== undefined) await appendLine(file, `${ctx.job} ${ctx.attempt} ${process.pid}\n`);
    await pause(ms, undefined, { signal: ctx.signal });
    return { job: ctx.job, attempt: ctx.attempt };
  },
});

async function appendLine(file: string, line: string): Promise<void> {
  if (!isAbsolute(file)) throw new InputRefused(`file "${file}" is not an absolute path`);
  const folder = await realpath(dirname(file)).catch((error: unknown) => {
    throw new InputRefused(`the folder of "${file}" cannot be used`, { cause: error });
  });
  const allowed = await realpath(tmpdir());
  if (folder !== allowed && !folder.startsWith(allowed + sep)) {
    throw new InputRefused(`file "${file}" is not under ${allowed}`);
  }
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  const handle = await open(join(folder, basename(file)), O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    await handle.write(line);
  } finally {
    await handle.close();
  }
}
