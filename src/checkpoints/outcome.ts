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

export type StandingOutcome =
  | { readonly kind: "none" }
  | { readonly kind: "stands"; readonly outcome: Outcome }
  /** There is one, but it cannot be understood: a disk has damaged it. It is as if there were none. */
  | { readonly kind: "damaged" };

/** The outcome that stands. */
export async function readOutcome(store: CheckpointStore, job: string, round: number): Promise<StandingOutcome> {
  const content = await store.get(outcomeName(job, round));
  if (content === null) return { kind: "none" };
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece as Buffer);
  try {
    const parsed = outcomeSchema.parse(JSON.parse(Buffer.concat(pieces).toString("utf8")));
    return { kind: "stands", outcome: parsed };
  } catch {
    return { kind: "damaged" };
  }
}

/** Writes the outcome unless one stands. @returns the one that counts now (O1) */
export async function settleOutcome(store: CheckpointStore, outcome: Outcome): Promise<Outcome> {
  const name = outcomeName(outcome.job, outcome.round);
  for (;;) {
    const created = await store.create(name, Buffer.from(`${JSON.stringify(outcome)}\n`));
    if (created.kind === "created") return outcome;
    const standing = await readOutcome(store, outcome.job, outcome.round);
    if (standing.kind === "stands") return standing.outcome;
    if (standing.kind === "damaged") return outcome;
    // Else it was deleted between the two: once more.
  }
}
