/**
 * `count`: a batch job of known length whose output shows any step that was lost or done twice.
 *
 * N1 The digest is a SHA-256 chain over the numbers of the steps: it depends on the input alone, not on the job, so
 *    an interrupted run ends with the digest of an undisturbed one or something is wrong.
 * N2 The payload of a checkpoint follows from the digest, and is checked when it is loaded.
 */
import { createHash } from "node:crypto";
import { open, readFile, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { defineBatch, done, more, z } from "../../src/index.ts";

const BLOCK = 65_536;

const input = z.strictObject({
  steps: z.int().min(1).max(1_000_000_000),
  stepMs: z.number().min(0).max(3_600_000).default(0).describe("How long a step takes, ms"),
  stateBytes: z.int().min(0).max(68_719_476_736).default(0).describe("Size of the payload of a checkpoint, bytes"),
  failRate: z.number().min(0).max(1).default(0).describe("Share of the steps that fail"),
});

interface State {
  readonly input: z.output<typeof input>;
  step: number;
  digest: string;
}

const saved = z.strictObject({ step: z.int(), digest: z.string() });

export const count = defineBatch({
  name: "count",
  description: "Counts to `steps`, one step at a time; the digest tells whether every step was done exactly once.",
  input,
  output: z.strictObject({ steps: z.int(), digest: z.string() }),
  checkpoint: { version: 1 },
  init: (input, ctx): State => {
    ctx.progress(0, input.steps, "steps");
    return { input, step: 0, digest: "" };
  },
  step: async (state, ctx) => {
    const { steps, stepMs, failRate } = state.input;
    if (stepMs > 0) await pause(stepMs);
    if (failRate > 0 && shifted(ctx.random(), ctx.attempt) < failRate) {
      throw new Error(`step ${state.step + 1} failed as failRate ${failRate} asks for`);
    }
    state.step += 1;
    state.digest = createHash("sha256").update(`${state.digest}:${state.step}`).digest("hex"); // N1
    ctx.progress(state.step, steps, "steps");
    return state.step < steps ? more : done({ steps: state.step, digest: state.digest });
  },
  save: async (state, folder) => {
    await writeFile(join(folder, "state.json"), JSON.stringify({ step: state.step, digest: state.digest }));
    if (state.input.stateBytes > 0) await writePayload(join(folder, "payload.bin"), state);
  },
  load: async (folder, input, ctx): Promise<State> => {
    const { step, digest } = saved.parse(JSON.parse(await readFile(join(folder, "state.json"), "utf8")));
    const state = { input, step, digest };
    if (input.stateBytes > 0) await checkPayload(join(folder, "payload.bin"), state);
    ctx.progress(step, input.steps, "steps");
    return state;
  },
});

/**
 * A draw that differs between attempts. `ctx.random()` is set back with the checkpoint, so the same draw would fail
 * every retry at the same step. A constant shift (by the golden ratio) leaves it uniform.
 */
function shifted(draw: number, attempt: number): number {
  return (draw + attempt * 0.618_033_988_749_895) % 1;
}

/** One block of the payload (N2); all are alike, so that gigabytes cost no more time than writing them. */
function payloadBlock(state: State): Buffer {
  return createHash("shake256", { outputLength: BLOCK }).update(`${state.digest}:${state.step}`).digest();
}

async function writePayload(path: string, state: State): Promise<void> {
  await eachBlock(path, "wx", state, (file, block) => file.write(block));
}

async function checkPayload(path: string, state: State): Promise<void> {
  const read = Buffer.alloc(BLOCK);
  await eachBlock(path, "r", state, async (file, block) => {
    const { bytesRead } = await file.read(read, 0, block.length);
    if (!read.subarray(0, bytesRead).equals(block)) throw new Error(`${path} is not what was saved`);
  });
}

async function eachBlock(
  path: string,
  mode: string,
  state: State,
  visit: (file: FileHandle, block: Buffer) => Promise<unknown>,
): Promise<void> {
  const block = payloadBlock(state);
  const file = await open(path, mode);
  try {
    for (let left = state.input.stateBytes; left > 0; left -= BLOCK) {
      await visit(file, block.subarray(0, Math.min(left, BLOCK)));
    }
  } finally {
    await file.close();
  }
}
