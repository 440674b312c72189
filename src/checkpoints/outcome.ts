/**
 * How a job ended, written once to the store before the record in Redis says so.
 *
 * O1 Create-only: of two attempts that both came to an end, one outcome stands, and the other adopts it. A record that
 *    was set back with its Redis finds here what had been promised already.
 */
import { z } from "zod";
import { outcomeName } from "./names.ts";
import type { CheckpointStore } from "./store.ts";

const artifact = z.object({ name: z.string(), sha256: z.string(), bytes: z.int() });
const progress = z.object({ completed: z.number(), total: z.number().nullable(), unit: z.string() });

const outcomeSchema = z.object({
  format: z.literal(1),
  job: z.string(),
  round: z.int(),
  attempt: z.int(),
  fence: z.string(),
  token: z.string(),
  at: z.string(),
  end: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("succeeded"),
      /** Raw JSON. */
      output: z.string(),
      artifacts: z.array(artifact),
      progress: progress.nullable(),
    }),
    z.object({
      kind: z.literal("failed"),
      fault: z.enum(["error", "refused", "not_retryable", "timed_out", "checkpoints_unreadable"]),
      message: z.string(),
      retryAfterMs: z.number().nullable(),
    }),
  ]),
});

export type Outcome = z.infer<typeof outcomeSchema>;

/** The outcome that stands; null if none does yet. @throws SyntaxError or ZodError when it cannot be understood */
export async function readOutcome(store: CheckpointStore, job: string, round: number): Promise<Outcome | null> {
  const content = await store.get(outcomeName(job, round));
  if (content === null) return null;
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece as Buffer);
  return outcomeSchema.parse(JSON.parse(Buffer.concat(pieces).toString("utf8")));
}

/** Writes the outcome unless one stands. @returns the one that stands now (O1) */
export async function settleOutcome(store: CheckpointStore, outcome: Outcome): Promise<Outcome> {
  const name = outcomeName(outcome.job, outcome.round);
  for (;;) {
    const created = await store.create(name, Buffer.from(`${JSON.stringify(outcome)}\n`));
    if (created.kind === "created") return outcome;
    const standing = await readOutcome(store, outcome.job, outcome.round);
    if (standing !== null) return standing; // Else it was deleted between the two.
  }
}
